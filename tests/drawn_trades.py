"""Closed trades of every make, for properties of what is said about one."""

from datetime import timedelta

from hypothesis import strategies as st

from builders import a_closed_trade, a_thesis
from llm_modules.domain import ClosedTrade

ratios = st.floats(-50, 50, allow_nan=False)
prices = st.floats(1e-9, 1e9)
theses = st.builds(
    a_thesis,
    key_support=prices,
    key_resistance=prices,
    stop_price=st.none() | prices,
    confidence_score=st.floats(1, 100),
    timeframe=st.sampled_from(["", "30m", "1w"]),
    facts=st.dictionaries(st.sampled_from(["rsi", "ema_gap_pct", "atr_pct"]), st.floats()),
)


@st.composite
def any_trade(draw: st.DrawFn) -> ClosedTrade:
    return a_closed_trade(
        side=draw(st.sampled_from(["long", "short"])),
        leverage=draw(st.floats(1, 125)),
        open_rate=draw(prices),
        close_rate=draw(prices),
        stop_price=draw(prices),
        liquidation_price=draw(st.none() | prices),
        profit_ratio=draw(ratios),
        mfe_ratio=draw(ratios),
        mae_ratio=draw(ratios),
        model_score=draw(st.none() | st.floats(0, 100)),
        exit_reason=draw(st.sampled_from(["signal_exit", "stop_loss", "force_exit"])),
        closed_at=a_closed_trade().opened_at + timedelta(seconds=draw(st.integers(0, 10**9))),
        thesis=draw(st.none() | theses),
    )
