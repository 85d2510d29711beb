"""ConductLedger: how the account fared lately, for the checks that look back."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import fsum

from llm_modules.domain import Conduct

ENTRY_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, order=True)
class Close:
    """One closed trade, ordered by its close; `profit_ratio` is leveraged and after fees."""

    closed_at: datetime
    trade_id: int
    opened_at: datetime
    pair: str
    profit_ratio: float


class ConductLedger:
    """Keeps openings and closes; fed in any order, it says the same.

    Everything in it can be told again from Freqtrade's database or the trade journal, so that a
    new ledger knows what the old one knew. Called from Freqtrade's thread only.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[int, datetime], datetime] = {}
        self._closes: dict[tuple[int, datetime], Close] = {}
        # What follows from the closes; None when there were further ones since.
        self._summary: Conduct | None = Conduct()

    def opened(self, trade_id: int, opened_at: datetime) -> None:
        """Take note of an entry; being told again changes nothing."""
        self._opened[trade_id, opened_at] = opened_at

    def closed(self, close: Close) -> None:
        """Take note of a closed trade; told again, with a late fee in it, it replaces the first."""
        self.opened(close.trade_id, close.opened_at)
        self._closes[close.trade_id, close.opened_at] = close
        # Not worked out here: at the start thousands come at once.
        self._summary = None

    def at(self, now: datetime) -> Conduct:
        """Return the conduct as of a moment; openings older than an hour are forgotten."""
        since = now - ENTRY_WINDOW
        self._opened = {key: at for key, at in self._opened.items() if at > since}
        if self._summary is None:
            self._summary = _summary(sorted(self._closes.values()))
        return replace(self._summary, entries=tuple(sorted(self._opened.values())))


def _summary(closes: list[Close]) -> Conduct:
    wins = [close.profit_ratio for close in closes if close.profit_ratio > 0]
    losses = [-close.profit_ratio for close in closes if close.profit_ratio < 0]
    last_losses = {close.pair: close.closed_at for close in closes if close.profit_ratio < 0}
    return Conduct(
        last_losses=last_losses,
        loss_streak=_loss_streak(closes),
        last_loss_at=max(last_losses.values(), default=None),
        closed_trades=len(closes),
        win_rate=len(wins) / len(closes),
        mean_win_ratio=fsum(wins) / len(wins) if wins else 0.0,
        mean_loss_ratio=fsum(losses) / len(losses) if losses else 0.0,
    )


def _loss_streak(closes: list[Close]) -> int:
    streak = 0
    for close in reversed(closes):
        if close.profit_ratio >= 0:
            break
        streak += 1
    return streak
