"""What the Web UI draws of the market: the indicators that the model is told of."""

from collections.abc import Sequence
from typing import Any

from llm_modules.market.extra_indicators import is_on_price_scale, output_columns
from llm_modules.market.indicators import INDICATORS

BLUE, ORANGE, GREY, PURPLE, RED, GREEN = (
    *("#42a5f5", "#ffb74d", "#78909c"),
    *("#ab47bc", "#ef5350", "#26a69a"),
)
# For indicators that the configuration adds, in turn.
FURTHER = ("#29b6f6", "#ffa726", "#66bb6a", "#ec407a", "#8d6e63")
_ON_PRICES = {
    "ema_20": BLUE,
    "ema_50": ORANGE,
    "bb_upper": GREY,
    "bb_middle": GREY,
    "bb_lower": GREY,
}
_PANELS: dict[str, dict[str, dict[str, str]]] = {
    "RSI": {"rsi_14": {"color": PURPLE}},
    "MACD": {
        "macd": {"color": BLUE},
        "macd_signal": {"color": RED},
        "macd_hist": {"color": GREY, "type": "bar"},
    },
    "ADX": {"adx_14": {"color": GREEN}},
    "MFI": {"mfi_14": {"color": ORANGE}},
    "ATR": {"atr_14": {"color": RED}},
    "OBV": {"obv": {"color": BLUE}},
}
_OWN = frozenset(name for names, _ in INDICATORS for name in names)


def plot_config(extra: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return Freqtrade's plot configuration; `extra` names further indicators of pandas_ta.

    Those that follow the price are drawn over it, the others in a panel of their own name.
    """
    on_prices: dict[str, Any] = {name: {"color": color} for name, color in _ON_PRICES.items()}
    panels: dict[str, Any] = {title: dict(lines) for title, lines in _PANELS.items()}
    for name in extra:
        lines = {
            column: {"color": FURTHER[place % len(FURTHER)]}
            for place, column in enumerate(output_columns(name))
            if column not in _OWN
        }
        if is_on_price_scale(name):
            on_prices |= lines
        elif lines:
            panels[name.upper()] = lines
    return {"main_plot": on_prices, "subplots": panels}
