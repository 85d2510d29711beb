"""Makes the whole of a backtest's world nameless, so that nothing inside it need know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.configuration import TimeRange
from freqtrade.exchange import Exchange
from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.resolvers import ExchangeResolver

from llm_modules.backtest.masking.disguise import Disguise, factor_for, names_of, shift_for
from llm_modules.backtest.masking.files import MEAN_VOLUME, CandleFolder
from llm_modules.backtest.masking.markets import masked_markets
from llm_modules.backtest.offline import Market, without_network
from llm_modules.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked run: what to hand to `running.run`, and what it takes to read its outcome.

    `names` are the real pairs by masked pair. A real date is the masked one plus `shift`, a real
    price the masked one divided by the factor of its masked pair.
    """

    config: dict[str, Any]
    exchange: Exchange
    names: Mapping[str, str]
    shift: timedelta
    factors: Mapping[str, float]


def masked(
    config: Mapping[str, Any],
    exchange_markets: Sequence[Market],
    tiers: Mapping[str, Sequence[LeverageTier]],
    folder: Path,
) -> Masked:
    """Write a masked copy of the run's candles into a folder, and return how to run on it.

    `exchange_markets` are ccxt's, `tiers` Freqtrade's leverage tiers by real pair. Raises
    BacktestError when a pair lacks candles, a market or tiers, or when months are asked for.
    """
    pairs = tuple(config["exchange"]["pair_whitelist"])
    _demand_weeks(config)
    _demand_rules(pairs, exchange_markets, tiers)
    candles = CandleFolder(config)
    disguise = _disguise(pairs, candles)
    candles.write_masked(disguise, folder)
    names = {name: pair for pair, name in disguise.names.items()}
    changed = _config(config, list(names), folder, disguise.shift)
    changed = without_network(changed, masked_markets(exchange_markets, disguise))
    exchange = ExchangeResolver.load_exchange(changed, load_leverage_tiers=False)
    # Freqtrade fills them from a list of its own, which knows no masked pair.
    exchange._leverage_tiers = {name: list(tiers[names[name]]) for name in names}  # noqa: SLF001
    factors = {name: float(disguise.factors[pair]) for name, pair in names.items()}
    return Masked(changed, exchange, names, disguise.shift, factors)


def _disguise(pairs: Sequence[str], candles: CandleFolder) -> Disguise:
    begun = {pair: candles.before(pair) for pair in pairs}
    # A range without a start begins with the first candle of any pair.
    start = candles.timerange.startdt or min(at for at, _, _ in begun.values())
    return Disguise(
        names=names_of(pairs),
        factors={pair: factor_for(price) for pair, (_, price, _) in begun.items()},
        volume_factors={
            pair: MEAN_VOLUME / volume if volume > 0 else 1.0
            for pair, (_, _, volume) in begun.items()
        },
        shift=shift_for(start),
    )


def _config(
    config: Mapping[str, Any], pairs: list[str], folder: Path, shift: timedelta
) -> dict[str, Any]:
    exchange = {**config["exchange"], "pair_whitelist": pairs, "pair_blacklist": []}
    changed = {
        **config,
        "exchange": exchange,
        "pairlists": [{"method": "StaticPairList"}],
        "datadir": folder,
    }
    timerange = TimeRange.parse_timerange(config.get("timerange"))
    ends = (timerange.startdt, timerange.stopdt)
    # Written out to the second, for in 2001 Freqtrade takes no seconds since the epoch.
    span = "-".join(f"{end - shift:%Y%m%dT%H%M%S}" if end else "" for end in ends)
    return {**changed, "timerange": span} if any(ends) else changed


def _demand_weeks(config: Mapping[str, Any]) -> None:
    informative = config["context_config"].get("informative_timeframes", ())
    if any(name.endswith("M") for name in (config["timeframe"], *informative)):
        raise BacktestError("--mask moves dates by whole weeks: leave out candles of a month")


def _demand_rules(
    pairs: Sequence[str], markets: Sequence[Market], tiers: Mapping[str, Sequence[LeverageTier]]
) -> None:
    known = {market["symbol"] for market in markets}
    lacking = [pair for pair in pairs if pair not in known or not tiers.get(pair)]
    if lacking:
        raise BacktestError(
            f"the exchange tells no rules for {', '.join(lacking)}: leave them out of the run"
        )
