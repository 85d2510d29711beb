"""The trading desk: what Freqtrade's callbacks ask and tell, in terms of the book.

Every method but `stop` returns at once. Freqtrade's thread calls them all; `chart` may be called
by any.
"""

import logging
import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from llm_modules.domain import AccountState, ClosedTrade, OpenPosition, RunMode, Side
from llm_modules.engine.book import Booking, BookingKind
from llm_modules.engine.booking import drift_of
from llm_modules.engine.cycle import Rooms, give_up, note
from llm_modules.engine.outbox import TradeOutbox
from llm_modules.engine.portfolio import decide_all
from llm_modules.engine.question import Present, Question, World
from llm_modules.engine.recent import RecentDecisions
from llm_modules.engine.recording import (
    close_of,
    halt_record,
    outcome_record,
    past_stops,
)
from llm_modules.engine.service import Decided, DecisionService, OpenService
from llm_modules.gate.conduct import Close, ConductLedger
from llm_modules.gate.emergency import EmergencyStop, HaltEvent, Standing
from llm_modules.gate.stops import booked_stop, is_crossed
from llm_modules.gate.tracker import PositionTracker
from llm_modules.journal.records import DecisionLine, DecisionRecord, OutcomeKind

logger = logging.getLogger(__name__)
STOP_TOLERANCE = 0.001
MOST_NOTICES = 50
HALTING_EVENTS = frozenset({"tripped", "halted", "flatten"})
# A first order, and two more after a timeout or a rejection.
MOST_ATTEMPTS = 3
CROSSED_STOP_EXIT = "stop_crossed"


class Desk:
    """Joins the decision thread, the book and the trackers behind the strategy's callbacks.

    `decided` counts the questions answered, `outbox` has what was learnt of closed trades; closes
    up to `remembers_since` need not be told again.
    """

    def __init__(
        self,
        rooms: Rooms,
        present: Present,
        emergency: EmergencyStop,
        mode: RunMode,
        service: OpenService = DecisionService,
    ) -> None:
        self.mode = mode
        self.decided = 0
        self.remembers_since = datetime.fromtimestamp(0, UTC)
        self._rooms = rooms
        self._present = present
        self._emergency = emergency
        self._tracker = PositionTracker()
        self._ledger = ConductLedger()
        self._notices: deque[str] = deque(maxlen=MOST_NOTICES)
        self._settled_orders: deque[str] = deque(maxlen=MOST_NOTICES)
        self.outbox = TradeOutbox(rooms)
        self._recent = RecentDecisions()
        self._thread_was_alive = True
        self._service = service(self._decide, self._undecided, rooms.executor.close)

    def start(self, past: Sequence[DecisionLine]) -> None:
        """Start deciding; `past` decisions are drawn again, their stops and candles remembered."""
        self._recent.load(past)
        self._tracker.remember(past_stops(self._recent.all()))
        self._rooms.book.remember(self.decided_candles())
        self._service.start()

    def decided_candles(self) -> dict[str, datetime]:
        """Return the newest candle of each pair on which an order was approved."""
        return self._recent.acted_candles()

    def stop(self) -> None:
        """Stop deciding, which takes up to two seconds, and release the journals."""
        for booking in self._rooms.book.clear():
            self._tell(booking, "aborted", None, "the bot stopped")
        if not self._service.stop():
            logger.error("The decision thread did not end in time; it dies with the process")
        self._rooms.close()

    # What Freqtrade's loop brings

    def observe(
        self,
        account: AccountState,
        positions: Sequence[OpenPosition],
        busy_pairs: Collection[str],
        now: datetime,
    ) -> None:
        """Take note of the account and the open positions; bookings past their time lapse."""
        # First of all: a halt must not depend on anything else.
        standing = self._stand(account.equity, account.open_trades, now)
        known = {position.pair: self._observe(position) for position in positions}
        self._tracker.keep_only({position.trade_id for position in positions})
        account = replace(
            account,
            version=self._present().account.version + 1,
            halted=standing.halted or self._thread_is_dead(),
            peak_equity=standing.peak_equity,
            day_start_equity=standing.day_start_equity,
        )
        self._present.replace(World(account, known, self._ledger.at(now)))
        for booking in self._rooms.book.expire(now, busy_pairs):
            self._tell(booking, "expired", None, "not executed in time")

    def cannot_see(self, now: datetime) -> None:
        """Halt for this moment: the account could not be looked at. Halt files count as ever."""
        world = self._present()
        self._stand(math.nan, world.account.open_trades or 1, now)
        blind = replace(world.account, version=world.account.version + 1, halted=True)
        self._present.replace(replace(world, account=blind))

    def ask(self, questions: Sequence[Question]) -> None:
        """Hand questions to the decision thread."""
        self._service.ask(questions, together=self._rooms.panel is not None)

    def world(self) -> World:
        """Return the world as last observed."""
        return self._present()

    def notices(self) -> tuple[str, ...]:
        """Take the sentences that people should be told through Freqtrade's messages."""
        taken = tuple(self._notices)
        self._notices.clear()
        spending = self._rooms.spending
        return (*taken, *spending.notices()) if spending else taken

    def past_closes(self, closes: Iterable[Close], since: datetime) -> None:
        """Take in the trades closed before this run; after `since` they are all there are."""
        self.remembers_since = since
        for close in closes:
            self._ledger.closed(close)

    # What callbacks read from the book

    def entry(self, pair: str, now: datetime) -> Booking | None:
        """Return the approved entry of a pair, unless trading has been halted since."""
        if self.world().account.halted:
            return None
        return self._rooms.book.look(pair, "entry", now)

    def confirm_entry(self, pair: str, side: Side, price: float, now: datetime) -> bool:
        """Say whether an order may go out; a price out of bounds ends the booking."""
        booking = self.entry(pair, now)
        return (
            booking is not None
            and booking.side == side
            and not self._emergency.is_halted_now()
            and self._is_in_band(booking, price)
            and self._may_try(booking)
        )

    def exit_reason(self, pair: str, trade_id: int, now: datetime) -> str | None:
        """Return why a position is to be closed now, or None to keep it."""
        exit_tag = self._emergency.standing.exit_tag
        if exit_tag is not None:
            return exit_tag
        booking = self.exit_booking(pair, trade_id, now)
        return booking.tool if booking else None

    def crossed_stop(self, trade_id: int, price: float, enforced: float | None) -> str | None:
        """Return a reason to close a position whose stop the price has crossed unnoticed.

        Freqtrade ignores a stop that is already crossed when it is to be placed, and keeps its
        looser one; `enforced` is the stop it acts on by itself, None when it leaves that to the
        exchange, whose order may be missing or late.
        """
        position = self._tracker.get(trade_id)
        if position is None or not is_crossed(position.stop_price, price, position.side):
            return None
        if enforced is None:
            return CROSSED_STOP_EXIT
        is_looser = abs(enforced - position.stop_price) > STOP_TOLERANCE * position.stop_price
        return CROSSED_STOP_EXIT if is_looser else None

    def adjustment(self, pair: str, trade_id: int, price: float, now: datetime) -> Booking | None:
        """Return the approved adjustment of a position; an addition obeys halt and price band."""
        booking = self._of_trade(pair, "adjust", trade_id, now)
        if booking is None:
            return None
        if booking.stake_amount > 0 and (
            self.world().account.halted
            or self._emergency.is_halted_now()
            or not self._is_in_band(booking, price)
        ):
            return None
        return booking if self._may_try(booking) else None

    def adjusts(self, pair: str, trade_id: int, now: datetime) -> bool:
        """Tell whether an adjustment of a position is waiting."""
        return self._of_trade(pair, "adjust", trade_id, now) is not None

    def stop_price(self, trade_id: int) -> float | None:
        """Return the tightest stop known for a position, None before it was ever observed."""
        booked = self._rooms.book.take_stop(trade_id)
        if booked is not None:
            self._tracker.tighten(trade_id, booked)
        position = self._tracker.get(trade_id)
        return position.stop_price if position else None

    def exit_booking(self, pair: str, trade_id: int, now: datetime) -> Booking | None:
        """Return the approved exit of a position, whose words are kept with the trade."""
        return self._of_trade(pair, "exit", trade_id, now)

    # What Freqtrade tells

    def settle(self, pair: str, tool: str, trade_id: int, order_id: str) -> Booking | None:
        """Take the booking whose order was filled, before anything else can fail.

        Freqtrade may report an order again, when its fee becomes known.
        """
        if order_id in self._settled_orders:
            return None
        self._settled_orders.append(order_id)
        booking = self._rooms.book.settle(pair, tool, self.world().account.version)
        if booking is not None:
            self._tell(booking, "filled", trade_id)
        return booking

    def filled(self, position: OpenPosition, booking: Booking | None) -> None:
        """Look at a position after a fill; its stop is at least the booked one."""
        self._observe(position)
        if booking is not None and booking.stop_price is not None:
            self._tracker.tighten(position.trade_id, booking.stop_price)

    def closed(self, trade: ClosedTrade) -> None:
        """Learn from a trade that ended, however it ended; known trades are left alone."""
        # Told again when its fee became known, the pair may have a new booking by then.
        is_news = not self.knows(trade.trade_id, trade.opened_at)
        booking = self._rooms.book.withdraw(trade.pair) if is_news else None
        if booking is not None:
            # The fill of an exit arrives here: by then the trade is closed.
            done = booking.tool == trade.exit_reason
            detail = "" if done else f"closed by {trade.exit_reason}"
            self._tell(booking, "filled" if done else "expired", trade.trade_id, detail)
        self._ledger.closed(close_of(trade))
        tracked = self._tracker.forget(trade.trade_id)
        if tracked is not None:
            trade = replace(
                trade,
                mfe_ratio=max(trade.mfe_ratio, tracked.mfe_ratio),
                mae_ratio=min(trade.mae_ratio, tracked.mae_ratio),
            )
        self._service.spawn(
            partial(self.outbox.learn, trade), f"Learning from trade {trade.trade_id}"
        )

    def knows(self, trade_id: int, opened_at: datetime) -> bool:
        """Tell whether a closed trade has been learnt from; ids start anew with a new database."""
        return self._rooms.library.knows(trade_id, opened_at)

    def chart(self, pair: str, start: datetime, end: datetime) -> tuple[DecisionRecord, ...]:
        """Return the decisions about a pair whose candle closed within a span of time."""
        return self._recent.about(pair, start, end)

    # On the decision thread

    async def _decide(self, questions: tuple[Question, ...], decided: Decided) -> None:
        def done(question: Question, record: DecisionRecord) -> None:
            self._draw(record)
            decided(question)

        await decide_all(questions, self._rooms, done)
        self.outbox.write()

    def _undecided(self, question: Question, fault: str) -> None:
        self._draw(give_up(question, fault, self._rooms))

    def _draw(self, record: DecisionRecord) -> None:
        self._recent.add(record)
        self.decided += 1

    # Between the two

    def _observe(self, position: OpenPosition) -> OpenPosition:
        self._ledger.opened(position.trade_id, position.opened_at)
        if position.thesis is None:
            known = self._tracker.known(position)
            thesis = known.thesis if known else self._recent.thesis_of(position)
            position = replace(position, thesis=thesis)
        stop = booked_stop(position, self._rooms.config.risk_management)
        return self._tracker.observe(replace(position, stop_price=stop))

    def _is_in_band(self, booking: Booking, price: float) -> bool:
        """Tell whether the price still suits a booking; if not, the booking ends."""
        problem = drift_of(booking, price)
        if problem is None:
            return True
        self._rooms.book.withdraw(booking.pair)
        self._tell(booking, "vetoed", booking.trade_id, problem)
        return False

    def _may_try(self, booking: Booking) -> bool:
        """Tell whether another order may go out; what the exchange keeps rejecting ends."""
        if self._rooms.book.attempt(booking) <= MOST_ATTEMPTS:
            return True
        self._rooms.book.withdraw(booking.pair)
        detail = f"{MOST_ATTEMPTS} orders came to nothing"
        self._tell(booking, "vetoed", booking.trade_id, detail)
        return False

    def _thread_is_dead(self) -> bool:
        alive = self._service.is_alive
        if self._thread_was_alive and not alive:
            logger.error("The decision thread died; nothing new is opened, restart the bot")
        self._thread_was_alive = alive
        return not alive

    def _stand(self, equity: float, open_trades: int, now: datetime) -> Standing:
        standing = self._emergency.observe(equity, open_trades, now)
        for event in standing.events:
            self._announce(event, equity, now)
        if any(event.kind in HALTING_EVENTS for event in standing.events):
            # What was approved before must not go out after.
            for booking in self._rooms.book.withdraw_adding():
                self._tell(booking, "vetoed", booking.trade_id, "trading was halted")
        return standing

    def _announce(self, event: HaltEvent, equity: float, now: datetime) -> None:
        logger.warning("%s: %s", event.kind, event.text)
        self._notices.append(event.text)
        line = halt_record(event, self.mode, equity, now)
        self._service.soon(partial(note, line, self._rooms), "Recording a halt")

    def _of_trade(
        self, pair: str, kind: BookingKind, trade_id: int, now: datetime
    ) -> Booking | None:
        booking = self._rooms.book.look(pair, kind, now)
        return booking if booking is not None and booking.trade_id == trade_id else None

    def _tell(
        self, booking: Booking, outcome: OutcomeKind, trade_id: int | None, detail: str = ""
    ) -> None:
        at = self._rooms.clock()
        line = outcome_record(booking, outcome, at, trade_id=trade_id, detail=detail)
        self._service.soon(partial(note, line, self._rooms), "Recording an outcome")
