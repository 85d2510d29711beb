"""A bot after a busy month, on the sample's real candles: what its prompts are measured on.

Sixty closed trades in five pairs, 120 decisions about one of them with refusals and clamps among
them, lessons, patterns, statistics and habits, through the rooms that the bot itself uses. Entries
are dealt by a seeded die, exits and profits are the real market's.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import pandas as pd

from llm_modules.config import TraderConfig, parse_config
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Prompt
from llm_modules.domain import (
    AccountState,
    Candles,
    ClosedTrade,
    Language,
    MarketRules,
    MarketSnapshot,
    OpenPosition,
    Side,
    Stance,
    Thesis,
)
from llm_modules.journal.records import Approved, DecisionRecord, Reason
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.market.comparison import MarketStateComparator
from llm_modules.market.snapshot import build_snapshot
from llm_modules.operations.settings.reading import read_settings
from llm_modules.tools.schema import offered_tools

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "user_data" / "data" / "binance" / "futures"
MINUTES = {"30m": 30, "1h": 60, "4h": 240, "1d": 1440}
STEPS = {"BTC": 0.1, "ETH": 0.01, "SOL": 0.01, "XRP": 0.0001, "DOGE": 0.00001}
RULES = {coin: MarketRules(step, 5.0, 50.0) for coin, step in STEPS.items()}
# The first candle that is asked about; what went before is the past.
NOW = datetime(2026, 1, 26, tzinfo=UTC)
TRADES = 60
DECISIONS = 120
TREND_ADX = 25
CANDLE = timedelta(minutes=30)
MODEL = "a-model"
REASONS = {
    "en": (
        (
            "RSI {rsi:.0f} with ADX {adx:.0f} shows no trend worth paying fees for; price sits in "
            "the middle of its range and volume fades. I expect it to test support first."
        ),
        (
            "Price holds above support at {support:.6g} while the 4h trend still points up and "
            "the MACD histogram turns. I expect {resistance:.6g} within a day; below support I am "
            "wrong."
        ),
        (
            "The bounce from {support:.6g} lost its volume and the 1h EMAs still point down. "
            "Waiting for a close above {resistance:.6g} or a deeper pullback."
        ),
    ),
    "zh": (
        (
            "RSI {rsi:.0f}, ADX {adx:.0f}, 没有值得支付手续费的趋势; 价格处于区间中部, "
            "成交量萎缩, 预计先测试支撑。"
        ),
        (
            "价格守住支撑 {support:.6g}, 4 小时趋势仍向上, MACD 柱状线转正。"
            "预计一天内到达 {resistance:.6g}, 跌破支撑则判断错误。"
        ),
        (
            "从 {support:.6g} 的反弹成交量不足, 1 小时均线仍向下。"
            "等待收盘站上 {resistance:.6g} 或更深的回调。"
        ),
    ),
}
WRONG_IF = {"en": "a 30m close below {support:.6g}", "zh": "30 分钟收盘价跌破 {support:.6g}"}
TOOLS: dict[Stance, tuple[str, str]] = {
    "flat": ("signal_wait", "signal_entry_long"),
    "in_position": ("signal_hold", "adjust_position"),
}
TAUGHT = {
    "en": "Entered late, right direction.",
    "zh": "方向正确, 但入场偏晚。",
}


class Scene(NamedTuple):
    """A bot with a past, and what it asks with."""

    config: TraderConfig
    library: ExperienceLibrary
    builder: ContextBuilder
    coin: str


def shipped(language: Language = "en") -> TraderConfig:
    """Return the settings as shipped, in a language."""
    settings = read_settings(ROOT / "user_data" / "config.json")
    settings["context_config"] |= {"language": language}
    return parse_config(settings)


def in_folder(config: TraderConfig, folder: Path) -> TraderConfig:
    """Return the settings with all files in a folder."""
    paths = {f"{kind}_log_path": str(folder / f"{kind}s.jsonl") for kind in ("decision", "trade")}
    memory = config.experience_config.model_copy(update=paths)
    return config.model_copy(update={"experience_config": memory})


def pair_of(coin: str) -> str:
    """Return Freqtrade's name of a coin's contract."""
    return f"{coin}/USDT:USDT"


@cache
def frames(coin: str) -> tuple[Candles, ...]:
    """Return the sample's candles of a coin in every timeframe, the main one first."""
    raw = pd.read_feather(SAMPLE / f"{coin}_USDT_USDT-5m-futures.feather")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return tuple(
        _candles(name, raw.resample(f"{minutes}min", on="date").agg(how).reset_index())
        for name, minutes in MINUTES.items()
    )


def _candles(timeframe: str, frame: pd.DataFrame) -> Candles:
    open_times = frame["date"].dt.as_unit("ms").astype("int64").to_numpy()
    prices = (frame[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume"))
    return Candles(timeframe, open_times, *prices)


def snapshot_at(coin: str, at: datetime) -> MarketSnapshot:
    """Return the market of a coin at the close of a candle, as the bot would see it."""
    found = build_snapshot(pair_of(coin), at, frames(coin), RULES[coin])
    return replace(found, facts={**found.facts, "funding_rate_pct": 0.01})


def known(snapshot: MarketSnapshot) -> dict[str, float]:
    """Return the facts as the bot records them."""
    return {"price": snapshot.price, **snapshot.facts}


def a_thesis(snapshot: MarketSnapshot, side: Side, random: Random, language: Language) -> Thesis:
    """Return the plan of an entry, worded as long as models do."""
    facts = known(snapshot)
    sign = 1 if side == "long" else -1
    return Thesis(
        decision_id=f"{snapshot.candle_at:%y%m%d%H%M%S}-{snapshot.pair[:3]}-abc123",
        reason=REASONS[language][1].format(**facts),
        confidence_score=float(random.randint(55, 85)),
        key_support=facts["support"],
        key_resistance=facts["resistance"],
        stop_price=snapshot.price * (1 - sign * 0.015),
        target_price=snapshot.price * (1 + sign * 0.03),
        invalidation=WRONG_IF[language].format(**facts),
        facts=facts,
        model=MODEL,
        timeframe="30m",
    )


def past_trades(language: Language, first: int = 0) -> Iterator[ClosedTrade]:
    """Yield the trades in the order of closing, those of the asked pair every second one."""
    random = Random(5)
    coins = list(STEPS)
    # The last ones close after `NOW`, while the questions go on.
    for number in range(first, TRADES + 4):
        coin = coins[0] if number % 2 == 0 else random.choice(coins[1:])
        at = NOW - timedelta(hours=12 * (TRADES - number)) + CANDLE * random.randint(-6, 6)
        yield a_trade(number, coin, at, random, language)


def a_trade(
    number: int, coin: str, closed_at: datetime, random: Random, language: Language
) -> ClosedTrade:
    """Return a trade of the real market; one of two sides wins more in a kind of market."""
    held = random.randint(1, 14)
    before, after = snapshot_at(coin, closed_at - CANDLE * held), snapshot_at(coin, closed_at)
    rose = after.price > before.price
    is_lucky = random.random() < (0.9 if before.facts["adx"] > TREND_ADX else 0.35)
    side: Side = "long" if rose == is_lucky else "short"
    leverage = float(random.randint(2, 10))
    sign = 1 if side == "long" else -1
    main = frames(coin)[0]
    upto = int((closed_at - CANDLE).timestamp() * 1000)
    newest = int((main.open_times <= upto).sum())
    window = slice(newest - held, newest)
    moves = (main.high[window].max() / before.price - 1, main.low[window].min() / before.price - 1)
    best, worst = sorted((sign * moves[0], sign * moves[1]), reverse=True)
    profit = sign * (after.price / before.price - 1) - 0.001
    thesis = a_thesis(before, side, random, language)
    return ClosedTrade(
        trade_id=number,
        pair=pair_of(coin),
        side=side,
        leverage=leverage,
        stake_amount=100.0,
        opened_at=closed_at - CANDLE * held,
        closed_at=closed_at,
        open_rate=before.price,
        close_rate=after.price,
        profit_abs=100 * profit * leverage,
        profit_ratio=profit * leverage,
        funding_fees=-0.01,
        mfe_ratio=max(best, 0.0) * leverage,
        mae_ratio=min(worst, 0.0) * leverage,
        stop_price=thesis.stop_price or 0.0,
        liquidation_price=None,
        exit_reason=random.choice(("llm_exit", "llm_exit", "stop_loss", "trailing_stop_loss")),
        entries=1,
        exits=1,
        thesis=thesis,
        exit_decision_id="x",
        model_score=float(random.randint(30, 90)),
        exit_reflection=TAUGHT[language],
        exit_facts=known(after),
    )


def a_decision(
    coin: str, at: datetime, random: Random, stance: Stance, language: Language
) -> DecisionRecord:
    """Return what was decided at a candle: one in five wanted to act, and was refused or cut."""
    facts = known(snapshot_at(coin, at))
    kind = random.choices(("idle", "refused", "clamped"), (8, 1, 1))[0]
    idle, acting = TOOLS[stance]
    tool = idle if kind == "idle" else acting
    reasons = {
        "refused": (
            Reason(
                code="MIN_REWARD_RISK",
                text=f"the target {facts['price'] * 1.004:.6g} is 0.6 stop distances away, "
                "at least 1 is needed",
                kind="refusal",
            ),
        ),
        "clamped": (
            Reason(
                code="MAX_POSITION",
                text="the stake is above 20 % of equity",
                kind="clamp",
                field="stake_amount",
                before=300.0,
                after=200.0,
            ),
        ),
    }.get(kind, ())
    call = {
        "confidence_score": float(random.randint(45, 80)),
        "rsi_value": round(facts["rsi"], 1),
        "reason": random.choice(REASONS[language]).format(**facts),
    }
    return DecisionRecord(
        decision_id=f"{at:%y%m%d%H%M%S}-{coin}-{random.randrange(16**6):06x}",
        at=at + timedelta(seconds=4),
        candle_at=at,
        pair=pair_of(coin),
        stance=stance,
        mode="dry_run",
        model=MODEL,
        status="approved" if kind == "idle" else kind,
        tool=tool,
        call=call,
        reasons=reasons,
        approved=Approved(leverage=3.0, stake_amount=100.0, stop_price=None)
        if kind == "clamped"
        else None,
        facts=facts,
        timeframe="30m",
    )


def a_scene(folder: Path, stance: Stance, language: Language = "en", coin: str = "BTC") -> Scene:
    """Return a bot at `NOW` with all that went before; its files go into a folder."""
    config = in_folder(shipped(language), folder)
    library = ExperienceLibrary(config.experience_config, TradeEvaluator(10.0), "dry_run", language)
    for trade in past_trades(language):
        if trade.closed_at < NOW:
            library.learn(trade, trade.closed_at)
    random = Random(7)
    for age in range(DECISIONS, 0, -1):
        library.note(a_decision(coin, NOW - CANDLE * age, random, stance, language))
    builder = ContextBuilder(config.context_config, config.risk_management)
    return Scene(config, library, builder, coin)


def an_account(snapshot: MarketSnapshot, *, held: bool) -> AccountState:
    """Return an account whose equity moves with the market, as that of open positions does."""
    equity = 1000 + snapshot.facts["change_pct_24h"]
    return AccountState(
        1, "USDT", equity, 760.0, 240.0, 2 + held, max(1010.0, equity), 1000.0, halted=False
    )


def a_position(scene: Scene, snapshot: MarketSnapshot, language: Language) -> OpenPosition:
    """Return a long that was opened six hours before `NOW`."""
    opened_at = NOW - timedelta(hours=6)
    entry = snapshot_at(scene.coin, opened_at)
    thesis = a_thesis(entry, "long", Random(9), language)
    profit = 3 * (snapshot.price / entry.price - 1.001)
    return OpenPosition(
        trade_id=TRADES + 100,
        pair=snapshot.pair,
        side="long",
        opened_at=opened_at,
        open_rate=entry.price,
        stake_amount=120.0,
        leverage=3.0,
        current_rate=snapshot.price,
        best_rate=snapshot.price,
        profit_ratio=profit,
        mfe_ratio=max(profit, 0.012),
        mae_ratio=min(profit, -0.009),
        stop_price=thesis.stop_price or 0.0,
        liquidation_price=entry.price * 0.68,
        entries=1,
        adjustments=0,
        thesis=thesis,
    )


def questions(scene: Scene, stance: Stance, count: int, language: Language) -> Iterator[Prompt]:
    """Yield what is asked at consecutive candles; trades close and decisions are made meanwhile."""
    random = Random(8)
    later = [trade for trade in past_trades(language) if trade.closed_at >= NOW]
    for age in range(count):
        at = NOW + CANDLE * age
        for trade in later:
            if trade.closed_at < at:
                scene.library.learn(trade, trade.closed_at)
        yield question(scene, stance, at, language)
        scene.library.note(a_decision(scene.coin, at, random, stance, language))


def question(scene: Scene, stance: Stance, at: datetime, language: Language) -> Prompt:
    """Return what is asked at one candle, composed as the bot does."""
    snapshot = snapshot_at(scene.coin, at)
    facts = known(snapshot)
    experience = scene.library.recall(snapshot.pair, at, facts)
    held = stance == "in_position"
    position = a_position(scene, snapshot, language) if held else None
    thesis = position.thesis if position else None
    changes = MarketStateComparator().compare(thesis.facts, facts) if thesis else ()
    account = an_account(snapshot, held=held)
    tools = offered_tools(stance)
    view = PairView(snapshot, position, experience, changes)
    return scene.builder.build(view, account, tools)
