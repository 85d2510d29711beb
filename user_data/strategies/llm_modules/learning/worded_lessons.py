"""A closed trade's lesson in a model's words: asked for, checked, and kept for the newest trades.

Off unless `experience_config.lesson_model` names a model. The words stand beside a rule's sentence:
whether a lesson holds, and on what evidence, is never a model's to say. An answer that is not
plainly one sentence of advice is dropped.
"""

import hashlib
import json
import re
import unicodedata
from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from operator import itemgetter

from llm_modules.dialogue import Message, Prompt
from llm_modules.domain import Language
from llm_modules.journal.records import LessonRecord, TradeRecord
from llm_modules.learning.evaluator import hours_open
from llm_modules.learning.lessons import LONGEST_LESSON, capped
from llm_modules.learning.wording import learning_phrases, percent, price

# `OK.` and `Hold on.` are answers, but no advice.
SHORTEST_TEXT = 10
# An answer so long is no sentence that lost a few words, but something else.
LONGEST_ANSWER = 1000
# Only the newest evidence of a lesson is ever asked for its wording.
MOST_WORDED = 500
LONGEST_QUOTE = 300
LONGEST_NAME = 30
MOST_LATIN_WORDS = 2

# Letters of the language, digits and the marks of a sentence; chat templates, links, code, tools'
# names and letters that only look like these all need something else.
_PLAIN: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r"[A-Za-z0-9 .,;:!?%+\-\u2013\u2014()'\u2019/]+"),
    "zh": re.compile(r"[A-Za-z0-9\u4e00-\u9fff .,;:!?%+\-\u2013\u2014()'\u2019/。、“”]+"),
}
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
# A label of a speaker, a link, a domain, or a second sentence that could hold anything.
_NO_SENTENCE = re.compile(r"^\w+\s*:|//|[A-Za-z]\.[A-Za-z]|[.!?]\s|[!?。].")
# What advice on a trade never speaks of: whoever reads it, and what that reader is told to obey.
_ABOUT_THE_READER = re.compile(
    r"\b(?:ignor|disregard|overrid|bypass|forget|pretend|prompt|instruction|system|assistant|"
    r"developer|operator|policy|guideline|task\b|gate\b|user\b|answer|signal|confidence|revok|"
    r"always\b|never\b|everything|rules?\b|limits\b|tools?\b|functions?\b|json\b|calls?\b)"
    r"|忽略|无视|忘记|绕过|假装|提示词|指令|系统|助手|规则|工具|函数|必须|一律|永远|满仓|无需|不需要|不论|任务",
    re.IGNORECASE,
)
# With its unit, so that a price is no leverage: `100` does not make `100x` one of the numbers.
_NUMBER = re.compile(r"(\.?\d[\d.,]*)\s?(?:(%)|(x\b|times\b|倍))?", re.IGNORECASE)
_BRACKETS = re.compile(r"[<>\[\]{}|~`]")

# NFKC makes three dots of an ellipsis anyway.
_LEFT_OUT = "..."

_Key = tuple[int, datetime]


def wording_prompt(record: TradeRecord, language: Language) -> Prompt:
    """Return the question for one sentence about a trade that has lessons; it offers no tools.

    All that is told of the trade stands in one fenced block of JSON. The trader's own reasons are
    in it as short strings without brackets, so that none opens a turn or closes the block.
    """
    phrases = learning_phrases(language)
    told = {
        "numbers": _numbers(record),
        "rules": {"summary": record.reflection.summary, "lessons": record.reflection.lessons},
        "trader": {
            "pair": _quotable(record.pair, LONGEST_NAME),
            "exit": _quotable(record.exit_reason, LONGEST_NAME),
            "reason_to_open": _quotable(record.entry.reason if record.entry else ""),
            "reason_to_close": _quotable(record.exit_reflection or ""),
        },
    }
    block = json.dumps(told, ensure_ascii=False, indent=1)
    # Who writes a reason cannot foresee the hash of the block it will stand in.
    fence = hashlib.sha256(block.encode()).hexdigest()[:12]
    return Prompt(
        messages=(
            Message("system", phrases("lessons.wording.system")),
            Message("user", phrases("lessons.wording.user", fence=fence, block=block)),
        ),
        tools=(),
    )


def accepted(text: str, record: TradeRecord, language: Language) -> str | None:
    """Return a model's answer as a lesson of at most 160 characters, or None for any other text.

    Every number must be one of the trade's, whatever its sign; those in the trader's own words do
    not count. A longer sentence is cut at a word, without a number that might have lost its end.
    """
    sentence = plain_sentence(text, language)
    if sentence is None:
        return None
    told = "; ".join([*_numbers(record).values(), *record.reflection.lessons])
    if not _numbers_in(sentence) <= _numbers_in(told):
        return None
    # Once more: cut, a plain sentence may end in the middle of something that is not.
    return plain_sentence(_cut(sentence), language)


def plain_sentence(text: str, language: Language) -> str | None:
    """Return text as NFKC if it is one plain sentence in a language, else None."""
    if len(text) > LONGEST_ANSWER:
        return None
    sentence = unicodedata.normalize("NFKC", text.strip().strip('"“”')).strip()
    if len(sentence) < SHORTEST_TEXT or not _PLAIN[language].fullmatch(sentence):
        return None
    # Two words in Latin letters are an indicator and a unit; more are another language.
    if language == "zh" and not (
        _CHINESE.search(sentence) and len(_LATIN_WORD.findall(sentence)) <= MOST_LATIN_WORDS
    ):
        return None
    is_other = _NO_SENTENCE.search(sentence) or _ABOUT_THE_READER.search(sentence)
    return None if is_other else sentence


class WordedLessons:
    """The newest 500 lessons that a model worded, in the language that is spoken now.

    A trade keeps its first wording, so that a context built later for the same candle is the same.
    """

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self._texts: dict[_Key, tuple[datetime, str]] = {}
        self._order: list[tuple[datetime, _Key]] = []
        self._noted = 0

    def note(self, record: LessonRecord) -> None:
        """Keep a wording; one that does not read as a plain sentence of ours is left out."""
        text = plain_sentence(record.text, self._language)
        if text is None or len(text) > LONGEST_LESSON:
            return
        key = record.trade_id, record.opened_at
        known = self._texts.get(key)
        # The earlier wording stays, in whatever order lines arrive.
        if known is not None and known <= (record.at, text):
            return
        if known is not None:
            self._order.remove((known[0], key))
        self._noted += 1
        self._texts[key] = record.at, text
        insort(self._order, (record.at, key))
        if len(self._order) > MOST_WORDED:
            del self._texts[self._order.pop(0)[1]]

    def edition(self, before: datetime) -> tuple[int, int]:
        """Name the wordings known strictly before a time: the same name, the same words."""
        return self._noted, bisect_left(self._order, before, key=itemgetter(0))

    def text_of(self, trade_id: int, opened_at: datetime, before: datetime) -> str | None:
        """Return the wording of a trade's lesson that was known strictly before a time."""
        at, text = self._texts.get((trade_id, opened_at), (before, None))
        return text if at < before else None


def _numbers(record: TradeRecord) -> dict[str, str]:
    """Return what is told of a trade in numbers, written as our own lessons write them."""
    return {
        "side": record.side,
        "leverage": f"{record.leverage:.3g}x",
        "result": percent(record.profit_ratio),
        "best": percent(record.mfe_ratio),
        "worst": percent(record.mae_ratio),
        "hours": f"{hours_open(record):.3g}",
        "open_price": price(record.open_rate),
        "close_price": price(record.close_rate),
        "stop_price": price(record.stop_price),
        "score": f"{record.evaluation.score:.3g} {record.evaluation.grade}",
    }


def _numbers_in(text: str) -> set[tuple[Decimal | None, str]]:
    """Return the numbers in a text with unit and without sign; None stands for one that is none."""
    return {
        (_decimal(digits.rstrip(".,").replace(",", "")), percent_sign or ("x" if times else ""))
        for digits, percent_sign, times in _NUMBER.findall(text)
    }


def _decimal(digits: str) -> Decimal | None:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


def _cut(sentence: str) -> str:
    if len(sentence) <= LONGEST_LESSON:
        return sentence
    kept = sentence[: LONGEST_LESSON - len(_LEFT_OUT)]
    # Chinese has no spaces to cut at.
    words = kept if _CHINESE.search(kept) else kept.rsplit(" ", 1)[0]
    return words.rstrip("0123456789.,;:!?%+-\u2013\u2014( ") + _LEFT_OUT


def _quotable(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Return text as one printable line of so many characters, without brackets of any kind."""
    # A bound before the work: NFKC may grow a megabyte eighteenfold.
    normal = unicodedata.normalize("NFKC", text[: 4 * longest])
    printable = "".join(char if char.isprintable() else " " for char in normal)
    return capped(" ".join(_BRACKETS.sub(" ", printable).split()), longest)
