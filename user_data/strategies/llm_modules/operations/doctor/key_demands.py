"""What a key should be allowed, and what not: a row for each right, said and judged alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llm_modules.operations.doctor.diagnosis import Diagnosis, Health
from llm_modules.operations.doctor.exchange_answer import KeyRights


@dataclass(frozen=True, slots=True)
class Demand:
    """One right, whether it is as it should be, and what is said if so, if not, and to mend it.

    `health` of one that is not met; None: as serious as a key that cannot be used.
    """

    subject: str
    is_met: Callable[[KeyRights], bool]
    met: str
    unmet: Callable[[KeyRights], str]
    advice: str
    health: Health | None = "warn"


DEMANDS = (
    Demand(
        "withdrawals",
        lambda rights: not rights.withdraws,
        "the key may not",
        lambda _: "the key may WITHDRAW: whoever steals it empties the account",
        "Make a key without that right; ./manage.sh live refuses this one",
    ),
    Demand(
        "transfers",
        lambda rights: not rights.moves_funds,
        "the key may not",
        lambda _: "the key may move funds between accounts",
        "The bot needs no such right: take it from the key",
    ),
    Demand(
        "reading, futures",
        lambda rights: rights.reads and rights.trades_futures,
        "the key may read and trade futures",
        lambda rights: (
            f"reading {_allowed(rights.reads)}, futures {_allowed(rights.trades_futures)}"
        ),
        "Allow the key both; futures only once the account has them opened",
        health=None,
    ),
    Demand(
        "addresses",
        lambda rights: rights.is_bound_to_addresses,
        "the key works from chosen addresses only",
        lambda _: "the key works from everywhere",
        "Bind it to this machine's address",
    ),
)


def key_is_fit(about: str, rights: KeyRights, serious: Health) -> Iterator[Diagnosis]:
    """Hold a key's rights against every demand."""
    for one in DEMANDS:
        if one.is_met(rights):
            yield Diagnosis("ok", about, one.subject, one.met)
        else:
            health = one.health or serious
            yield Diagnosis(health, about, one.subject, one.unmet(rights), one.advice)


def _allowed(is_allowed: bool) -> str:  # noqa: FBT001 - a word for it
    return "allowed" if is_allowed else "not allowed"
