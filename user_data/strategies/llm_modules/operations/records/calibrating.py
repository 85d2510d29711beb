"""What the model's confidence was worth, over the whole journal of trades: tables and a picture."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.table import Table

from llm_modules.domain import RunMode
from llm_modules.journal.parts import found_lines
from llm_modules.learning.calibration import (
    FEWEST_TRADES,
    Calibration,
    Reliability,
    bin_name,
    calibration_sentence,
)
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.wording import learning_phrases
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.records.past_trades import PastTrade, PastTrades
from llm_modules.operations.records.picture import Picture, draw
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.render import printable

# A name is whatever the settings said.
LONGEST_MODEL = 40
USUAL_PICTURE = Path("plot/calibration.png")
ALL = "all"
TOO_FEW = f"Fewer than {FEWEST_TRADES} trades: too few to say more."


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """What is asked for: None stands for the newest mode, every model, and the usual file."""

    mode: RunMode | None = None
    model: str | None = None
    picture: Path | None = None


@dataclass(slots=True)
class Calibrations:
    """Calibration per mode, and when the last trade of a mode closed."""

    by_mode: dict[RunMode, Calibration] = field(default_factory=dict)
    newest: dict[RunMode, datetime] = field(default_factory=dict)

    def add(self, mode: RunMode, trade: RememberedTrade) -> None:
        """Count one more trade."""
        self.newest[mode] = max(self.newest.get(mode, trade.closed_at), trade.closed_at)
        self.by_mode.setdefault(mode, Calibration()).add(trade)

    @property
    def newest_mode(self) -> RunMode | None:
        """The mode that closed a trade last, None without any."""
        return max(self.newest, key=self.newest.__getitem__, default=None)


def show_calibration(session: Session, options: CalibrationOptions) -> ExitStatus:
    """Show confidence against results per model, side and regime and by bin, and draw it."""
    path, screen = session.journals().trades, session.screen
    past = PastTrades(line.text for line in found_lines(path))
    found = counted(past)
    if past.bad_lines:
        screen.complain(f"{past.bad_lines} unreadable lines of {shown(path)} are not counted.")
    # One mode alone: a simulated market proves nothing of a real one.
    mode = options.mode or found.newest_mode
    calibration = found.by_mode.get(mode, Calibration()) if mode else Calibration()
    whole = calibration.reliability(options.model)
    if mode is None or not whole.n:
        screen.say(_nothing(path, mode, options.model, calibration))
        return ExitStatus.DONE
    models = {group.model for group in calibration.groups()}
    title = _title(mode, options.model or (models.pop() if len(models) == 1 else None), whole.n)
    screen.say(f"{title}. Said and won are in percent.")
    screen.table(_group_table(calibration, options.model))
    screen.table(_bin_table(whole))
    screen.say(calibration_sentence(learning_phrases("en"), whole) or TOO_FEW)
    target = options.picture or session.places.user_data / USUAL_PICTURE
    problem = draw(Picture(title, whole), target, session.places)
    if problem:
        screen.complain(f"{shown(target)} could not be drawn: {problem}")
        return ExitStatus.FAILED
    screen.say(f"Drawn into {shown(target)}")
    return ExitStatus.DONE


def counted(past: Iterable[PastTrade]) -> Calibrations:
    """Count the trades of a journal by mode."""
    found = Calibrations()
    for mode, trade in past:
        found.add(mode, trade)
    return found


def _title(mode: RunMode, model: str | None, n: int) -> str:
    whose = f"{printable(model)[:LONGEST_MODEL]}, {mode}" if model else mode
    return f"Confidence against results: {whose}, n={n}"


def _nothing(path: Path, mode: RunMode | None, model: str | None, found: Calibration) -> str:
    kind = " ".join(word for word in (mode, "trade with a confidence") if word)
    of = f" by {printable(model)!r}" if model else ""
    others = sorted({_model(group.model) for group in found.groups()})
    instead = f" There are some by {', '.join(others)}." if others else ""
    return f"There is no closed {kind}{of} in {shown(path)} yet.{instead}"


def _group_table(calibration: Calibration, model: str | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", overflow="fold")
    table.add_column("side")
    table.add_column("regime")
    for name in ("trades", "said", "won", "95 %", "Brier", "ECE"):
        table.add_column(name, justify="right", no_wrap=True)
    groups = [group for group in calibration.groups() if model in (None, group.model)]
    models = sorted({group.model for group in groups})
    if len(models) > 1:
        table.add_row(ALL, ALL, ALL, *_figures(calibration.reliability()), style="bold")
    for name in models:
        whole = calibration.reliability(name)
        table.add_row(_model(name), ALL, ALL, *_figures(whole), style="bold")
        for group in groups:
            if group.model == name:
                cells = _figures(calibration.reliability(*group))
                table.add_row("", group.side, group.regime, *cells)
    return table


def _bin_table(whole: Reliability) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("confidence", "trades", "said", "won", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in whole.bins:
        if item.n:
            interval = _interval(item.win_rate_low, item.win_rate_high)
            said, won = _percent(item.mean_confidence), _percent(item.win_rate)
            table.add_row(bin_name(item), str(item.n), said, won, interval)
    return table


def _figures(of: Reliability) -> tuple[str, ...]:
    return (
        str(of.n),
        _percent(of.mean_confidence),
        _percent(of.win_rate),
        _interval(*of.win_rate_interval),
        f"{of.brier:.3f}",
        f"{of.ece:.3f}",
    )


def _interval(low: float, high: float) -> str:
    return f"{_percent(low)}-{_percent(high)}"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.0f}"


def _model(name: str) -> str:
    # Trades of earlier versions do not tell their model.
    return printable(name)[:LONGEST_MODEL] or "unknown"
