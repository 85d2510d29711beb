"""One run of the scripted policy, listened to: what was asked, decided, ordered and learnt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from freqtrade.persistence import LocalTrade, Order, Trade

from llm_modules.backtest.lookahead.differences import text_of
from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.backtest.lookahead.stamps import StampingClient
from llm_modules.backtest.lookahead.transcript import Kind, Transcript
from llm_modules.backtest.outcome import Moment, Variant
from llm_modules.backtest.running import run
from llm_modules.dialogue import Prompt
from llm_modules.domain import ClosedTrade
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.question import Question
from llm_modules.engine.sight import Sight, not_seen_before
from llm_modules.journal.records import DecisionLine, DecisionRecord, HaltRecord, TradeRecord
from llm_modules.learning.experience import ExperienceLibrary

# Wall-clock time is the one thing that differs between equal runs.
OF_THE_CLOCK = {"latency_seconds"}


class Enough(Exception):  # noqa: N818 - no error: it ends a run through Freqtrade
    """All that was wanted of a run has been heard."""


@dataclass(frozen=True, slots=True)
class Fill:
    """An order as Freqtrade filled it: at the beginning of which candle, at which rate."""

    trade_id: int
    order_id: str
    pair: str
    at: datetime
    side: str
    rate: float
    amount: float
    tag: str


class Listener:
    """Is told by a hearing what happens, as it happens; by default it does not care."""

    def prompted(self, at: datetime, decision_id: str, prompt: Prompt) -> None:
        """Take in a prompt as the model was shown it."""

    def sighted(self, sight: Sight) -> None:
        """Take in a market as the run was told of it by another process."""

    def decided(self, line: DecisionLine) -> None:
        """Take in a line of the decision journal."""

    def learnt(self, at: datetime, record: TradeRecord) -> None:
        """Take in a trade that the library was taught."""

    def filled(self, fill: Fill) -> None:
        """Take in an order that was filled."""

    def stood(self, moment: Moment, rooms: Rooms) -> None:
        """Take in a candle whose decisions are made."""


class Overheard:
    """A library that is listened to while it learns; all else is the library's own."""

    def __init__(
        self, library: ExperienceLibrary, told: Callable[[datetime, TradeRecord], None]
    ) -> None:
        self._library = library
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def learn(self, trade: ClosedTrade, at: datetime) -> TradeRecord | None:
        """Learn a trade and pass its record on."""
        record = self._library.learn(trade, at)
        if record is not None:
            self._told(at, record)
        return record


class Hearing:
    """Hears one run up to the candle `until`, or its last; `keep` as Transcript has it.

    `candles` are those that were decided.
    """

    def __init__(
        self,
        *listeners: Listener,
        until: datetime | None = None,
        keep: int | None = None,
    ) -> None:
        self.transcript = Transcript(keep)
        self.candles: list[datetime] = []
        self._listeners = listeners
        self._until = until
        self._rooms: Rooms | None = None
        self._seen: set[tuple[int, str]] = set()
        self._closed = 0

    def hear(self, ground: Ground, config: Mapping[str, Any] | None = None) -> None:
        """Run a configuration, by default that of the ground."""
        client = StampingClient(self._now, self._prompted)
        refit, watch = self._refit, self._watch
        variant = Variant(client=client, refit=refit, watch=watch, has_forerunner=True)
        try:
            run(config or ground.config, variant, ground.exchange)
        except Enough:
            return

    def _now(self) -> datetime:
        return self._known_rooms().clock()

    def _known_rooms(self) -> Rooms:
        if self._rooms is None:
            raise AssertionError("a run asks before it has rooms")
        return self._rooms

    def _refit(self, rooms: Rooms) -> Rooms:
        heard = rooms.heard

        def both(line: DecisionLine) -> None:
            heard(line)
            self._decided(line)

        def seen_before(question: Question) -> Sight | None:
            sight = rooms.seen_before(question)
            if sight is not None:
                for listener in self._listeners:
                    listener.sighted(sight)
            return sight

        library = cast("ExperienceLibrary", Overheard(rooms.library, self._learnt))
        self._rooms = replace(rooms, heard=both, library=library, seen_before=seen_before)
        return self._rooms

    def _prompted(self, decision_id: str, prompt: Prompt) -> None:
        self.transcript.add(self._now(), "prompt", decision_id, text_of(prompt))
        for listener in self._listeners:
            listener.prompted(self._now(), decision_id, prompt)

    def _decided(self, line: DecisionLine) -> None:
        kind: Kind = "decision" if isinstance(line, DecisionRecord) else "outcome"
        subject = line.kind if isinstance(line, HaltRecord) else line.decision_id
        text = line.model_dump_json(exclude=OF_THE_CLOCK)
        self.transcript.add(self._now(), kind, subject, text)
        for listener in self._listeners:
            listener.decided(line)

    def _learnt(self, at: datetime, record: TradeRecord) -> None:
        self.transcript.add(at, "trade", f"trade {record.trade_id}", record.model_dump_json())
        for listener in self._listeners:
            listener.learnt(at, record)

    def _watch(self, moment: Moment) -> None:
        self.candles.append(moment.at)
        self._look_at_orders(moment.at)
        self.transcript.decided(moment.at)
        # Whoever looks at another past must not be told what the run has seen.
        rooms = replace(self._known_rooms(), seen_before=not_seen_before)
        for listener in self._listeners:
            listener.stood(moment, rooms)
        if moment.at == self._until or moment.candle == moment.candles:
            raise Enough

    def _look_at_orders(self, at: datetime) -> None:
        closed = LocalTrade.bt_trades[self._closed :]
        self._closed += len(closed)
        for trade in (*closed, *Trade.get_open_trades()):
            for order in trade.select_filled_orders():
                if (trade.id, order.order_id) not in self._seen:
                    self._seen.add((trade.id, order.order_id))
                    self._filled(at, _fill(trade, order))

    def _filled(self, at: datetime, fill: Fill) -> None:
        self.transcript.add(at, "order", f"trade {fill.trade_id}", repr(fill))
        for listener in self._listeners:
            listener.filled(fill)


def _fill(trade: Trade, order: Order) -> Fill:
    return Fill(
        trade_id=trade.id,
        order_id=order.order_id,
        pair=trade.pair,
        at=order.order_filled_utc or order.order_date_utc,
        side=order.ft_order_side,
        rate=order.safe_price,
        amount=order.safe_filled,
        tag=order.ft_order_tag or "",
    )
