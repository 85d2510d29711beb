"""The trading desk: what Freqtrade's callbacks ask and tell, in terms of the book.

Every method but `stop` returns at once. Freqtrade's thread calls them all; `chart` may be called
by any.
"""

import logging
import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from llm_modules.domain import AccountState, ClosedTrade, OpenPosition, RunMode, Side
from llm_modules.engine.book import Booking, BookingKind
from llm_modules.engine.cycle import Rooms, decide, note
from llm_modules.engine.question import Question, World
from llm_modules.engine.recording import failed_record, outcome_record
from llm_modules.engine.service import DecisionService
from llm_modules.errors import JournalError
from llm_modules.gate.emergency import EmergencyStop
from llm_modules.gate.stops import booked_stop, is_crossed
from llm_modules.gate.tracker import PositionTracker
from llm_modules.journal.records import (
    DecisionLine,
    DecisionRecord,
    OutcomeKind,
    OutcomeRecord,
    TradeRecord,
)

logger = logging.getLogger(__name__)

RECENT_DECISIONS = 5000
STOP_TOLERANCE = 0.001
ADDING_TOOLS = frozenset({"signal_entry_long", "signal_entry_short", "adjust_position"})
EMERGENCY_EXIT = "emergency_stop"
CROSSED_STOP_EXIT = "stop_crossed"


class Present:
    """The latest world: replaced by Freqtrade's thread, read by the decision thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self) -> World:
        """Return the latest world."""
        return self._world

    def replace(self, world: World) -> None:
        """Publish a newer world."""
        self._world = world


class Desk:
    """Joins the decision thread, the book and the trackers behind the strategy's callbacks.

    `decided` counts the questions that have been answered, one way or the other.
    """

    def __init__(
        self, rooms: Rooms, present: Present, emergency: EmergencyStop, mode: RunMode
    ) -> None:
        self.mode = mode
        self.decided = 0
        self._rooms = rooms
        self._present = present
        self._emergency = emergency
        self._tracker = PositionTracker()
        self._unwritten: deque[TradeRecord] = deque()
        self._aborted: set[str] = set()
        # Three weeks of five pairs at 30 minutes.
        self._recent: deque[DecisionRecord] = deque(maxlen=RECENT_DECISIONS)
        self._recent_mutex = threading.Lock()
        self._thread_was_alive = True
        self._service = DecisionService(self._decide, self._undecided, self._close_client)

    def start(self, past: Sequence[DecisionLine]) -> None:
        """Start deciding; `past` decisions are drawn on the chart again."""
        self._recent.extend(line for line in past if isinstance(line, DecisionRecord))
        self._aborted = {
            line.decision_id
            for line in past
            if isinstance(line, OutcomeRecord) and line.outcome == "aborted"
        }
        self._service.start()

    def decided_candles(self) -> dict[str, datetime]:
        """Return the newest candle of each pair on which an order was approved.

        It gets no second one after a restart. Where nothing was to be done, or it was cut short,
        asking again is harmless; an exit may not have happened.
        """
        newest: dict[str, datetime] = {}
        for record in self._copy_of_recent():
            acted = record.tool in ADDING_TOOLS and record.status in {"approved", "clamped"}
            if acted and record.decision_id not in self._aborted:
                known = newest.get(record.pair, record.candle_at)
                newest[record.pair] = max(record.candle_at, known)
        return newest

    def stop(self) -> None:
        """Stop deciding, which takes up to two seconds, and release the journals."""
        for booking in self._rooms.book.clear():
            self._tell(booking, "aborted", None, "the bot stopped")
        if not self._service.stop():
            logger.error("The decision thread did not end in time; it dies with the process")
        self._rooms.journal.close()

    # What Freqtrade's loop brings

    def observe(
        self,
        account: AccountState,
        positions: Sequence[OpenPosition],
        busy_pairs: Collection[str],
        now: datetime,
    ) -> None:
        """Take note of the account and the open positions; bookings past their time lapse."""
        known = {position.pair: self._observe(position) for position in positions}
        # In this order: looking at the equity is what moves the peak.
        halted = self._is_halted(account.equity)
        account = replace(
            account,
            version=self._present().account.version + 1,
            halted=halted,
            peak_equity=self._emergency.peak_equity,
        )
        self._present.replace(World(account, known))
        for booking in self._rooms.book.expire(now, busy_pairs):
            self._tell(booking, "expired", None, "not executed in time")

    def ask(self, questions: Sequence[Question]) -> None:
        """Hand questions to the decision thread."""
        self._service.ask(questions)

    def world(self) -> World:
        """Return the world as last observed."""
        return self._present()

    # What callbacks read from the book

    def entry(self, pair: str, now: datetime) -> Booking | None:
        """Return the approved entry of a pair, unless trading has been halted since."""
        if self.world().account.halted:
            return None
        return self._rooms.book.look(pair, "entry", now)

    def confirm_entry(self, pair: str, side: Side, price: float, now: datetime) -> bool:
        """Say whether an order may go out; a price out of bounds ends the booking."""
        booking = self.entry(pair, now)
        return booking is not None and booking.side == side and self._is_in_band(booking, price)

    def exit_reason(self, pair: str, trade_id: int, now: datetime) -> str | None:
        """Return why a position is to be closed now, or None to keep it."""
        if self._emergency.tripped:
            return EMERGENCY_EXIT
        booking = self.exit_booking(pair, trade_id, now)
        return booking.tool if booking else None

    def crossed_stop(self, trade_id: int, price: float, stop_in_force: float) -> str | None:
        """Return a reason to close a position whose stop Freqtrade could not place any more.

        Freqtrade ignores a stop that the price has already crossed and keeps its looser one.
        """
        position = self._tracker.get(trade_id)
        if position is None or not is_crossed(position.stop_price, price, position.side):
            return None
        is_looser = abs(stop_in_force - position.stop_price) > STOP_TOLERANCE * position.stop_price
        return CROSSED_STOP_EXIT if is_looser else None

    def adjustment(self, pair: str, trade_id: int, price: float, now: datetime) -> Booking | None:
        """Return the approved adjustment of a position; an addition obeys halt and price band."""
        booking = self._of_trade(pair, "adjust", trade_id, now)
        if booking is None or booking.stake_amount <= 0:
            return booking
        if self.world().account.halted or not self._is_in_band(booking, price):
            return None
        return booking

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

    def settle(self, pair: str, tool: str, trade_id: int) -> Booking | None:
        """Take the booking whose order was filled, before anything else can fail."""
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
        booking = self._rooms.book.withdraw(trade.pair)
        if booking is not None:
            # The fill of an exit arrives here: by then the trade is closed.
            done = booking.tool == trade.exit_reason
            detail = "" if done else f"closed by {trade.exit_reason}"
            self._tell(booking, "filled" if done else "expired", trade.trade_id, detail)
        tracked = self._tracker.forget(trade.trade_id)
        if tracked is not None:
            trade = replace(
                trade,
                mfe_ratio=max(trade.mfe_ratio, tracked.mfe_ratio),
                mae_ratio=min(trade.mae_ratio, tracked.mae_ratio),
            )
        self._service.soon(partial(self._learn, trade), f"Learning from trade {trade.trade_id}")

    def knows(self, trade_id: int, opened_at: datetime) -> bool:
        """Tell whether a closed trade has been learnt from; ids start anew with a new database."""
        return self._rooms.library.knows(trade_id, opened_at)

    def chart(self, pair: str, start: datetime, end: datetime) -> tuple[DecisionRecord, ...]:
        """Return the decisions about a pair whose candle closed within a span of time."""
        return tuple(
            record
            for record in self._copy_of_recent()
            if record.pair == pair and start <= record.candle_at <= end
        )

    # On the decision thread

    async def _decide(self, question: Question) -> None:
        self._draw(await decide(question, self._rooms))
        self._write_trades()

    def _undecided(self, question: Question, fault: str) -> None:
        model = self._rooms.config.llm_config.model
        record = failed_record(question, datetime.now(UTC), model, fault)
        note(record, self._rooms)
        self._draw(record)

    def _draw(self, record: DecisionRecord) -> None:
        with self._recent_mutex:
            self._recent.append(record)
            self.decided += 1

    def _learn(self, trade: ClosedTrade) -> None:
        if not self.knows(trade.trade_id, trade.opened_at):
            self._unwritten.append(self._rooms.library.learn(trade, datetime.now(UTC)))
        self._write_trades()

    def _write_trades(self) -> None:
        """Write what was learnt; what the disk refuses is tried again after the next decision."""
        while self._unwritten:
            try:
                self._rooms.journal.trade(self._unwritten[0])
            except JournalError:
                logger.exception("Trade %d is not in the journal yet", self._unwritten[0].trade_id)
                return
            self._unwritten.popleft()

    async def _close_client(self) -> None:
        await self._rooms.executor.close()

    # Between the two

    def _observe(self, position: OpenPosition) -> OpenPosition:
        stop = booked_stop(position, self._rooms.config.risk_management)
        return self._tracker.observe(replace(position, stop_price=stop))

    def _copy_of_recent(self) -> tuple[DecisionRecord, ...]:
        with self._recent_mutex:
            return tuple(self._recent)

    def _is_in_band(self, booking: Booking, price: float) -> bool:
        """Tell whether the price still suits a booking; if not, the booking ends."""
        stop = booking.stop_price
        if stop is not None and is_crossed(stop, price, booking.side):
            problem = f"price {price:.8g} is at or beyond the stop {stop:.8g}"
        elif booking.lowest_price <= price <= booking.highest_price:
            return True
        else:
            band = f"{booking.lowest_price:.8g} to {booking.highest_price:.8g}"
            problem = f"price {price:.8g} left the band {band}"
        self._rooms.book.withdraw(booking.pair)
        self._tell(booking, "vetoed", booking.trade_id, problem)
        return False

    def _thread_is_dead(self) -> bool:
        alive = self._service.is_alive
        if self._thread_was_alive and not alive:
            logger.error("The decision thread died; nothing new is opened, restart the bot")
        self._thread_was_alive = alive
        return not alive

    def _is_halted(self, equity: float) -> bool:
        before = self._emergency.tripped
        try:
            halted = self._emergency.observe(equity)
        except JournalError:
            logger.exception("The emergency stop could not be saved; it holds in memory")
            halted = self._emergency.tripped
        if self._emergency.tripped and not before:
            logger.warning("Emergency stop: equity %.2f, all positions are closed", equity)
        return halted or self._thread_is_dead()

    def _of_trade(
        self, pair: str, kind: BookingKind, trade_id: int, now: datetime
    ) -> Booking | None:
        booking = self._rooms.book.look(pair, kind, now)
        return booking if booking is not None and booking.trade_id == trade_id else None

    def _tell(
        self, booking: Booking, outcome: OutcomeKind, trade_id: int | None, detail: str = ""
    ) -> None:
        line: OutcomeRecord = outcome_record(
            booking, outcome, datetime.now(UTC), trade_id=trade_id, detail=detail
        )
        self._service.soon(partial(note, line, self._rooms), "Recording an outcome")
