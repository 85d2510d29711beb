"""How the closed trades of the last days went, in all and by what they have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.table import Table

from llm_modules.domain import RunMode
from llm_modules.journal.parts import found_lines
from llm_modules.learning.breakdowns import Breakdown, TradeStatistics, TradeTally
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.records.net_result import model_cost_lines
from llm_modules.operations.records.past_trades import PastTrade, PastTrades
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.render import printable

# As many as the model is told about, unless asked for more.
USUAL_DAYS = 30
COLUMNS = ("trades", "won", "mean %", "mean win %", "mean loss %")


@dataclass(frozen=True, slots=True)
class Period:
    """Which trades count: those of one mode (None: of the newest trade), closed since a time."""

    mode: RunMode | None
    days: int
    now: datetime

    @property
    def since(self) -> datetime:
        """The earliest close that counts."""
        return self.now - timedelta(days=self.days)


def show_trade_summary(session: Session, period: Period) -> ExitStatus:
    """Show statistics of a period with every breakdown; profits are leveraged, fees included."""
    path, screen = session.journals().trades, session.screen
    past = PastTrades(line.text for line in found_lines(path))
    by_mode = summed(past, period)
    if past.bad_lines:
        screen.complain(f"{past.bad_lines} unreadable lines of {shown(path)} are not counted.")
    mode = period.mode or next(iter(by_mode), None)
    if mode is None or mode not in by_mode:
        of = f" {mode}" if mode else ""
        screen.say(f"No{of} trade in {shown(path)} was closed in the last {period.days} days.")
        return ExitStatus.DONE
    pairs = {pair: tally.statistics() for pair, tally in sorted(by_mode[mode].items())}
    whole = pairs.pop("")
    screen.say(f"{mode}, closed in the last {period.days} days: {_measures(whole)}")
    for line in model_cost_lines(session, mode, period.since, period.now):
        screen.say(line)
    screen.table(_table(whole, pairs))
    return ExitStatus.DONE


def summed(past: Iterable[PastTrade], period: Period) -> dict[RunMode, dict[str, TradeTally]]:
    """Count the trades of a period by mode and pair, the mode of the newest trade first.

    The empty pair stands for all of them.
    """
    by_mode: dict[RunMode, dict[str, TradeTally]] = {}
    newest: dict[RunMode, datetime] = {}
    for mode, trade in past:
        if trade.closed_at < period.since:
            continue
        tallies = by_mode.setdefault(mode, {})
        for pair in ("", trade.pair):
            tallies.setdefault(pair, TradeTally(period.days)).add(trade)
        newest[mode] = max(trade.closed_at, newest.get(mode, trade.closed_at))
    return {mode: by_mode[mode] for mode in sorted(newest, key=newest.__getitem__, reverse=True)}


def _measures(whole: TradeStatistics) -> str:
    said = f"{whole.n} trades, {whole.win_rate:.0%} won, mean {whole.mean_profit_ratio:+.2%}"
    if whole.profit_factor is None or whole.expectancy is None:
        return f"{said}, no loss"
    return (
        f"{said}, profit factor {whole.profit_factor:.2f}, "
        f"expectancy {whole.expectancy:+.2f} of the mean loss"
    )


def _table(whole: TradeStatistics, pairs: dict[str, TradeStatistics]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold", min_width=24)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for title, groups in (
        ("pair", {pair: statistics.whole for pair, statistics in pairs.items()}),
        ("side", whole.by_side),
        ("market at entry", whole.by_regime),
        ("hour of entry (UTC)", whole.by_hour),
        ("leverage", whole.by_leverage),
        ("confidence", whole.by_confidence),
        ("exit", whole.by_exit_reason),
    ):
        table.add_row(title, style="bold")
        for name, group in groups.items():
            table.add_row(f"  {printable(name)}", *_cells(group))
    return table


def _cells(group: Breakdown) -> tuple[str, ...]:
    return (
        str(group.n),
        f"{group.wins / group.n:.0%}",
        f"{100 * group.mean_profit_ratio:+.2f}",
        f"{100 * group.mean_win_ratio:+.2f}" if group.wins else "-",
        f"{-100 * group.mean_loss_ratio:+.2f}" if group.losses else "-",
    )
