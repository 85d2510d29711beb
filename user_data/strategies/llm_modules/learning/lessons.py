"""What a closed trade teaches: findings in numbers, and the sentences that tell them.

A finding is kept without words, so that the same record can be told in any language. Whatever a
file holds, only numbers and a side ever fill a sentence.
"""

import re
from collections.abc import Sequence

from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import Evaluation, Finding
from llm_modules.learning.lesson_rules import RULES
from llm_modules.phrases import Phrases

# More would dilute each other in a context of limited length.
MOST_LESSONS = 3
LONGEST_LESSON = 160

_SIDES = frozenset({"long", "short"})
_NUMBER = re.compile(r"[+-]?[0-9][0-9.e+-]{0,23}(?: %)?")


def findings(trade: ClosedTrade, evaluation: Evaluation) -> tuple[Finding, ...]:
    """Return what every lesson says of a trade, the most expensive mistakes first.

    A trade that people or a halt ended is the caller's to leave out: it says nothing of the model.
    """
    found = (rule.finding(trade, evaluation) for rule in RULES.values())
    return tuple(finding for finding in found if finding is not None)


def lessons(found: Sequence[Finding], phrases: Phrases) -> tuple[str, ...]:
    """Return the first three findings that stand, in words; none for a trade without fault."""
    standing = [finding for finding in found if finding.stands]
    return tuple(word(finding, phrases) for finding in standing[:MOST_LESSONS])


def word(finding: Finding, phrases: Phrases, trade: str | None = None) -> str:
    """Tell a finding that stands in one imperative sentence of at most 160 characters.

    `trade` names the trade, "this trade" without it. Raises KeyError for a finding that
    `is_tellable` refuses.
    """
    side = finding.values["side"]
    named = {
        "side": phrases(f"lessons.side.{side}"),
        "level": phrases(f"lessons.level.{side}"),
        "trade": phrases("lessons.this_trade") if trade is None else trade,
    }
    return capped(phrases(f"lessons.rule.{finding.code}", **finding.values | named), LONGEST_LESSON)


def is_tellable(finding: Finding) -> bool:
    """Say whether a finding that stands is one of ours: a known code, a side and numbers.

    What a damaged or forged file put in their place must not reach a sentence.
    """
    rule, values = RULES.get(finding.code), finding.values
    if rule is None or values.keys() != rule.values | {"side"} or values["side"] not in _SIDES:
        return False
    return all(_NUMBER.fullmatch(value) for name, value in values.items() if name != "side")


def capped(text: str, longest: int) -> str:
    """Return text of at most so many characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
