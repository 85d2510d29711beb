"""Proof (a): what is asked is the same, whether there is a future, none, or garbage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from freqtrade.persistence import Trade

from llm_modules.backtest.lookahead.breaches import Breaches
from llm_modules.backtest.lookahead.differences import different_line, different_part, text_of
from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.backtest.lookahead.hearing import Listener
from llm_modules.backtest.lookahead.pasts import Garbled, cut
from llm_modules.backtest.outcome import Moment
from llm_modules.backtest.past import PastMarket, Recorded
from llm_modules.backtest.session import PastView
from llm_modules.dialogue import Prompt
from llm_modules.engine.cycle import Rooms, compose, look
from llm_modules.engine.question import Question, World
from llm_modules.engine.sight import Sight
from llm_modules.errors import ContextBudgetError, MarketDataError

Questions = Mapping[str, Question]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the run itself had at a candle: prompts by decision, and facts told it by pair."""

    asked: Mapping[str, Prompt]
    facts: Mapping[str, Mapping[str, float]]


class ContextProof(Listener):
    """Asks again at each candle, or each of the `last`, with a past that has no true future.

    `contexts` counts what was compared: each is one pair at one candle, in the words of the prompt
    and in all that the gate is told.
    """

    def __init__(self, ground: Ground, breaches: Breaches, last: int | None) -> None:
        self.contexts = 0
        self._ground = ground
        self._breaches = breaches
        self._last = last
        self._garbled = Garbled(ground.recorded)
        self._asked: dict[str, Prompt] = {}
        self._facts: dict[str, Mapping[str, float]] = {}

    def prompted(self, at: datetime, decision_id: str, prompt: Prompt) -> None:  # noqa: ARG002 - of this candle
        """Keep what the run itself asked first; the rest corrects the answer."""
        self._asked.setdefault(decision_id, prompt)

    def sighted(self, sight: Sight) -> None:
        """Keep the facts that the run was told: gate and journal get them, too."""
        self._facts[sight.snapshot.pair] = sight.snapshot.facts

    def stood(self, moment: Moment, rooms: Rooms) -> None:
        """Compare what was asked at this candle with what each of the other pasts would ask."""
        run = _Run(self._asked, self._facts)
        self._asked, self._facts = {}, {}
        if not is_among_last(moment, self._last):
            return
        at_ms, world = int(moment.at.timestamp() * 1000), rooms.world()
        self._garbled.reveal(at_ms)
        known = questions(self._ground, self._ground.recorded, moment.at, world)
        pasts = {"cut off": cut(self._ground.recorded, at_ms), "garbage": self._garbled.recorded}
        for future, recorded in pasts.items():
            others = questions(self._ground, recorded, moment.at, world)
            for pair in sorted({*known, *others}):
                found = _difference(known.get(pair), others.get(pair), run, rooms)
                if found is not None:
                    self._tell(pair, moment.at, future, found)
        self.contexts += len(known)

    def _tell(self, pair: str, at: datetime, future: str, found: str) -> None:
        where = f"{pair} at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        self._breaches.add("a", f"{where}, once the future was {future}: {found}")


def is_among_last(moment: Moment, last: int | None) -> bool:
    """Tell whether a candle is one of so many last ones; of None all are."""
    return last is None or moment.candles - moment.candle < last


def questions(ground: Ground, recorded: Recorded, at: datetime, world: World) -> Questions:
    """Return what a run on this recording would ask at a candle, by pair."""
    past = PastMarket(recorded, ground.pairs)
    past.set_moment(at)
    main, *informative = ground.timeframes
    view = PastView(past, main, informative, {})
    busy = {trade.pair for trade in Trade.get_open_trades() if trade.has_open_orders}
    return {question.pair: question for question in view.due(world, busy, "backtest", at)}


def _difference(
    known: Question | None, other: Question | None, run: _Run, rooms: Rooms
) -> str | None:
    if known is None or other is None:
        return f"the pair was {'not asked about any more' if known else 'asked about'}"
    seen = different_part(known, other)
    if seen is not None:
        return seen
    facts = run.facts.get(known.pair)
    if facts is not None and (told := different_line(_lines(facts), _facts(other, rooms))):
        return f"facts, {told}"
    context = _context(other, rooms)
    prompt = run.asked.get(known.decision_id)
    # What was really asked, where the pair was asked about by itself.
    whole = _context(known, rooms) if prompt is None else text_of(prompt)
    return different_line(whole, context)


def _facts(question: Question, rooms: Rooms) -> str:
    try:
        return _lines(look(question, rooms).snapshot.facts)
    except MarketDataError as error:
        return f"no facts: {error}"


def _lines(facts: Mapping[str, float]) -> str:
    return "\n".join(f"{name}={value!r}" for name, value in sorted(facts.items()))


def _context(question: Question, rooms: Rooms) -> str:
    try:
        return text_of(compose(question, look(question, rooms), rooms))
    except (MarketDataError, ContextBudgetError) as error:
        return f"no context: {error}"
