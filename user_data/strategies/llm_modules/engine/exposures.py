"""What is at risk besides the pair in question, in the gate's words."""

from collections.abc import Iterable, Iterator

from llm_modules.domain import OpenPosition
from llm_modules.engine.book import Booking
from llm_modules.engine.question import Question, World
from llm_modules.gate.verdict import Exposure
from llm_modules.market.returns import correlation


def exposures(
    question: Question, world: World, promised: Iterable[Booking]
) -> tuple[Exposure, ...]:
    """Return the positions of all other pairs, and every approved order on its way."""
    return (*_positions(question, world), *_promises(question, promised))


def _positions(question: Question, world: World) -> Iterator[Exposure]:
    for position in world.positions.values():
        if position.pair != question.pair:
            yield _of_position(position, question)


def _of_position(position: OpenPosition, question: Question) -> Exposure:
    return Exposure(
        pair=position.pair,
        side=position.side,
        stake_amount=position.stake_amount,
        leverage=position.leverage,
        correlation=_correlation(question, position.pair),
    )


def _promises(question: Question, promised: Iterable[Booking]) -> Iterator[Exposure]:
    for booking in promised:
        # A reduction frees margin only once it is filled.
        if booking.stake_amount > 0:
            yield Exposure(
                pair=booking.pair,
                side=booking.side,
                stake_amount=booking.stake_amount,
                leverage=booking.leverage,
                correlation=_correlation(question, booking.pair),
                promised=True,
                takes_slot=booking.kind == "entry",
            )


def _correlation(question: Question, other: str) -> float | None:
    if other == question.pair:
        return 1.0
    mine, theirs = question.returns.get(question.pair), question.returns.get(other)
    return None if mine is None or theirs is None else correlation(mine, theirs)
