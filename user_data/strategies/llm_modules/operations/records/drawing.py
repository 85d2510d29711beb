"""Draw a reliability diagram: `python -m llm_modules.operations.records.drawing FILE < JSON`.

The only module that imports matplotlib; `picture.py` starts it. No window, no browser: Agg draws
into memory.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from llm_modules.learning.calibration import BIN_WIDTH, Bin, Reliability, bin_name
from llm_modules.operations.records.picture import PICTURE, Picture

INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
SOUND, MISSED = "#2b6cb0", "#c2410c"
MEANINGS = ((SOUND, "confidence within the interval"), (MISSED, "confidence beyond the interval"))
DOTS_PER_INCH = 150
# A longer one would leave the figure, or press it together.
LONGEST_TITLE = 64
SIZE_INCHES = (7.0, 7.6)


def main(path: Path, content: bytes) -> int:
    """Draw the picture that JSON describes into a PNG file; status 1 if it cannot be written."""
    drawn = png(PICTURE.validate_json(content))
    try:
        path.write_bytes(drawn)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def png(picture: Picture) -> bytes:
    """Return the picture as the bytes of a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _head(upper, picture)
    _draw_win_rates(upper, picture.reliability)
    _draw_counts(lower, picture.reliability.bins)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    return stream.getvalue()


def _head(axes: Axes, picture: Picture) -> None:
    """Write the title, and the figures that sum the picture up below it."""
    whole = picture.reliability
    low, high = whole.win_rate_interval
    figures = (
        f"said {whole.mean_confidence:.0%}, won {whole.win_rate:.0%} ({low:.0%} to {high:.0%})"
        f"   Brier {whole.brier:.3f}   ECE {whole.ece:.3f}"
    )
    # Names come from a journal: no formulas, and no letters that the font does not have.
    title = picture.title[:LONGEST_TITLE].encode("ascii", "replace").decode()
    axes.set_title(
        title, loc="left", pad=26, fontsize=13, fontweight="bold", color=INK, parse_math=False
    )
    axes.text(0, 1.025, figures, transform=axes.transAxes, fontsize=9.5, color=FAINT)


def _draw_win_rates(axes: Axes, whole: Reliability) -> None:
    axes.plot((0, 100), (0, 100), color=FAINT, linewidth=1, linestyle=(0, (5, 4)))
    # Before a ground of its own, because intervals may pass behind it.
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    remark: dict[str, Any] = {"fontsize": 9, "color": FAINT, "zorder": 5, "bbox": ground}
    axes.text(3, 84, "above the line: won more often than said", **remark)
    axes.text(97, 4, "below the line: won less often than said", ha="right", **remark)
    for item in whole.bins:
        if item.n:
            _draw_bin(axes, item)
    handles = [Line2D([], [], color=colour, marker="o", label=text) for colour, text in MEANINGS]
    axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=9, labelcolor=INK)
    _tidy(axes)
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    axes.yaxis.set_major_formatter(PercentFormatter())
    axes.set_ylabel("trades won, with 95% interval", color=INK)


def _draw_bin(axes: Axes, item: Bin) -> None:
    """Draw a point at confidence and win rate, its interval, and the way to where it should be."""
    said, won = 100 * item.mean_confidence, 100 * item.win_rate
    is_sound = item.win_rate_low <= item.mean_confidence <= item.win_rate_high
    colour = SOUND if is_sound else MISSED
    # Rounding may put the rate of 0 or all wins outside its own interval by a hair.
    below = max(0.0, won - 100 * item.win_rate_low)
    above = max(0.0, 100 * item.win_rate_high - won)
    axes.vlines(said, min(said, won), max(said, won), color=colour, linewidth=7, alpha=0.15)
    intervals = ((below,), (above,))
    axes.errorbar(said, won, yerr=intervals, fmt="o", color=colour, capsize=3, clip_on=False)


def _draw_counts(axes: Axes, bins: Sequence[Bin]) -> None:
    # Bins are ten wide: the rest keeps the bars apart.
    middles = [item.low + BIN_WIDTH / 2 for item in bins]
    bars = axes.bar(middles, [item.n for item in bins], width=8.4, color=SOUND, alpha=0.35)
    axes.bar_label(bars, [str(item.n or "") for item in bins], fontsize=8, color=INK, padding=1)
    _tidy(axes)
    axes.margins(y=0.25)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_xlim(0, 100)
    axes.set_xticks(middles, [bin_name(item) for item in bins], fontsize=9)
    axes.set_xlabel("confidence of the model", color=INK)
    axes.set_ylabel("trades", color=INK)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdin.buffer.read()))
