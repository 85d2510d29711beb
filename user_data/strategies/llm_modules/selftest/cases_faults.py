"""What fails around the gate, and inside it: clock, candles, disk, settings, the checks."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, NoReturn

from llm_modules.config import ExperienceConfig, RiskConfig
from llm_modules.errors import JournalError
from llm_modules.gate.verdict import GateState
from llm_modules.journal.records import DecisionLine
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.selftest.bench import BatteryError, Parts
from llm_modules.selftest.market import CANDLE, cut, made_candles, without
from llm_modules.selftest.stage import Case, Seen, Stage, expect
from llm_modules.tools.calls import TOOL_CALL

DAY = timedelta(days=1)


class FullDisk(TradeLogger):
    """A journal whose disk is full while `is_full` is set."""

    is_full = False

    def decision(self, record: DecisionLine) -> bool:
        """Refuse the record when the disk is full."""
        if self.is_full:
            raise JournalError("no space left on device")
        return super().decision(record)


class Poison:
    """A value that fails whatever is done with it."""

    def _fail(self, *_args: object) -> NoReturn:
        raise RuntimeError("poisoned")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _fail
    __iter__ = __len__ = __contains__ = __getattr__ = __float__ = __hash__ = _fail


def the_gate_fails(stage: Stage) -> Seen:
    """Make each thing the gate looks at fail on the first touch: every time a refusal."""
    state = a_state(stage)
    checker = stage.bench.rooms.checker
    call = TOOL_CALL.validate_python(
        stage.arguments("signal_entry_long") | {"tool": "signal_entry_long"}
    )
    sound = checker.judge(call, state)
    expect(sound.proposal is not None, f"the sound state was refused: {sound.reasons}")
    for field in fields(GateState):
        broken: Any = {field.name: Poison()}
        verdict = checker.judge(call, replace(state, **broken))
        expect(verdict.proposal is None, f"approved although {field.name} fails")
    return Seen(len(fields(GateState)), "each time a refusal")


def clock_jumps(stage: Stage) -> Seen:
    """Let the clock jump on between approval and order, and back before the answer."""
    stage.booked_entry()
    jumped = stage.now + DAY
    stage.loop.look(jumped, stage.rates)
    stage.act(jumped)
    expect(stage.holding is None, "an order was made a day after its decision")
    stage.next_candle(2 * DAY)
    question = stage.question()
    for hours in (-24, -1, 1, 24):
        stage.loop.look(stage.now + timedelta(hours=hours), stage.rates)
        record = stage.say_late(question, "signal_entry_long")
        expect(record.approved is None, f"approved {hours} hours off its candle")
    stage.act(stage.now + DAY)
    expect(stage.holding is None, "an order was made although the clock jumped")
    return Seen(5, "no order, each answer refused")


def candles_are_missing(stage: Stage) -> Seen:
    """Show candles with a gap, with NaN, out of date, too few, and none at all."""
    whole = made_candles(stage.candle_at)
    rows = len(whole)
    holed = whole.close.copy()
    holed[-3] = float("nan")
    damaged = (
        without(whole, [rows - 5]),
        replace(whole, close=holed),
        cut(whole, rows - 1),
        cut(whole, rows, 20),
        cut(whole, 0),
    )
    stage.answer_with("signal_entry_long", "{}")
    for candles in damaged:
        record = stage.loop.ask(stage.question(candles))
        expect(record.status == "failed", f"damaged candles were {record.status}")
        stage.act()
    expect(not stage.inspector.orders, "an order was made on damaged candles")
    expect(not stage.bench.model.prompts, "the model was shown damaged candles")
    return Seen(len(damaged), "recorded as failed, the model is not asked")


def disk_is_full(stage: Stage) -> Seen:
    """Fill the disk before a verdict is recorded: nothing is added, getting out still works."""
    journal = stage.bench.rooms.journal
    if not isinstance(journal, FullDisk):
        raise BatteryError("this scene needs the journal that can be full")
    stage.enter()
    journal.is_full = True
    stage.next_candle(DAY)
    stage.say("adjust_position", adjustment_pct=100)
    stage.act()
    expect(stage.inspector.fills == 1, "an addition without a record was carried out")
    stage.next_candle()
    stage.say("signal_exit")
    stage.act()
    expect(stage.holding is None, "the exit waited for the disk")
    stage.next_candle(DAY)
    stage.say("signal_entry_long")
    stage.act()
    expect(stage.holding is None, "an entry without a record was carried out")
    return Seen(3, "no addition, no entry, the exit was made")


def settings_change(stage: Stage) -> Seen:
    """Lower the limits under a booked entry: it is not carried out under the old ones."""
    record = stage.booked_entry()
    config = stage.bench.config
    tight = config.risk_management.model_copy(
        update={"max_position_pct": 0.01, "max_total_stake_pct": 0.01, "min_confidence": 0.0}
    )
    stage.bench.restart(config.model_copy(update={"risk_management": tight}))
    stage.inspector.attach(stage.bench)
    stage.look()
    stage.act()
    expect(stage.holding is None, "an entry of the old limits was carried out")
    stage.next_candle(DAY)
    again = stage.say("signal_entry_long", stake_amount=1e12)
    stage.act()
    hashes = {record.limits_hash, again.limits_hash}
    expect(len(hashes) == 2, "the record does not tell the limits apart")  # noqa: PLR2004
    return Seen(2, "the new limits hold, records name theirs")


def settings_cannot_be_changed(stage: Stage) -> Seen:
    """Try to change a limit of the running bot in place."""
    risk = stage.bench.risk
    tried = tuple(RiskConfig.model_fields)
    for name in tried:
        expect(_is_frozen(risk, name), f"{name} could be changed in place")
    return Seen(len(tried), "every limit is frozen")


def a_state(stage: Stage) -> GateState:
    """Return what the gate sees of the stage's calm market while flat."""
    question = stage.question()
    world = stage.bench.desk.world()
    snapshot = stage.snapshot()
    return GateState(
        now=stage.now,
        candle_at=stage.candle_at,
        valid_until=stage.candle_at + CANDLE,
        pair=stage.pair,
        price=snapshot.price,
        rules=question.rules,
        account=world.account,
        position=None,
        exposures=(),
        locked_sides=frozenset(),
        tradable=True,
        facts=snapshot.facts,
        conduct=world.conduct,
        habits=(),
        acted_on=None,
        funding_rate=0.0,
    )


def _is_frozen(risk: RiskConfig, name: str) -> bool:
    try:
        setattr(risk, name, getattr(risk, name))
    except ValueError:
        return True
    return False


def _with_full_disk(parts: Parts) -> Parts:
    return replace(parts, journal=_full_disk)


def _full_disk(config: ExperienceConfig) -> FullDisk:
    return FullDisk(config)


CASES = (
    Case("an exception anywhere in the gate", "I4", the_gate_fails),
    Case("clock jump", "I3", clock_jumps),
    Case("missing, damaged and old candles", "I3", candles_are_missing),
    Case("disk full while a verdict is recorded", "I3", disk_is_full, part=_with_full_disk),
    Case("settings change under a running bot", "I1", settings_change),
    Case("a limit changed in memory", "I1", settings_cannot_be_changed),
)
