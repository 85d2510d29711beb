# ruff: noqa: RUF001 -- Chinese sentences have Chinese punctuation
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_thesis, a_trade_record
from llm_modules.domain import Change
from llm_modules.journal.records import EntryThesis, Evaluation, Reflection, TradeRecord
from llm_modules.learning.reviewer import LONGEST_QUOTE, Review, TradeReviewer, quoted
from llm_modules.learning.wording import learning_phrases

ENGLISH = TradeReviewer(learning_phrases("en"))
CHINESE = TradeReviewer(learning_phrases("zh"))
HEADINGS = [
    "Planned",
    "What happened",
    "The market then and now",
    "Scores",
    "Judgement",
    "Lessons",
    "Decisions",
]


def an_entry(**changes: Any) -> EntryThesis:
    return EntryThesis(**(asdict(a_thesis()) | changes))


def a_trade(**changes: Any) -> TradeRecord:
    values: dict[str, Any] = {
        "entry": an_entry(model="test-model-0126"),
        "exit_facts": {"price": 102.0, "rsi": 71.0, "adx": 26.0, "ema_gap_pct": -0.1},
        "reflection": Reflection(
            summary="Win: long 3x.",
            lessons=("take profits", "wait"),
            judgement="skill",
            surprise=1.25,
        ),
    }
    return a_trade_record(**(values | changes))


def lines(heading: str, review: Review) -> list[str]:
    (section,) = [one for one in review.sections if one.heading == heading]
    return list(section.lines)


def of(heading: str, worded: str | None = None, **changes: Any) -> list[str]:
    return lines(heading, ENGLISH.review(a_trade(**changes), worded))


def test_a_review_names_the_trade_and_how_it_went() -> None:
    review = ENGLISH.review(a_trade(mode="dry_run"))
    assert review.title == ("Trade 7 BTC/USDT:USDT long 3x, dry_run: +5.8 %, grade A")
    assert [section.heading for section in review.sections] == HEADINGS


def test_what_was_planned_stands_in_the_models_words_and_numbers() -> None:
    assert of("Planned") == [
        "Reason: \u201cthe trend is up\u201d",
        "Confidence 70 of 100",
        "Model \u201ctest-model-0126\u201d",
        "Support 95, resistance 110",
        "Stop 97",
        "Target 106",
        "Proved wrong by: \u201ca close below 95\u201d",
    ]


def test_what_was_not_planned_is_left_out() -> None:
    entry = an_entry(stop_price=None, target_price=None, invalidation=None)
    assert of("Planned", entry=entry) == [
        "Reason: \u201cthe trend is up\u201d",
        "Confidence 70 of 100",
        "Support 95, resistance 110",
        "Without a stop of its own",
    ]


def test_a_trade_that_no_decision_opened_has_no_plan() -> None:
    assert of("Planned", entry=None) == [
        "No plan is known: no recorded decision opened this trade."
    ]


def test_what_happened_is_told_in_freqtrades_numbers() -> None:
    assert of("What happened") == [
        "Opened 2026-01-15 09:00, closed 2026-01-15 11:00 (UTC), held 2 h",
        "From 100 to 102; the last stop 97",
        "Profit +5.8 %, that is +5.8 USDT with -0.01 of funding",
        "At best +8 % (MFE), at worst -1 % (MAE); 72% of the best was kept",
        "Ended by \u201csignal_exit\u201d, entries: 1, exits: 1",
        "Said at the exit: \u201ctook profit at resistance\u201d",
    ]


def test_a_trade_that_was_never_in_profit_kept_nothing() -> None:
    told = of("What happened", profit_ratio=-0.03, mfe_ratio=0.0, mae_ratio=-0.04)
    assert told[3] == "At best +0 % (MFE), at worst -4 % (MAE); never in profit"


@pytest.mark.parametrize("silent", [None, ""])
def test_an_exit_without_words_is_left_out(silent: str | None) -> None:
    assert len(of("What happened", exit_reflection=silent)) == 5


def test_the_market_is_compared_and_what_matters_is_said_to() -> None:
    assert of("The market then and now") == [
        "Price: 100 -> 102",
        "RSI: 55 -> 71",
        "ADX: 25 -> 26",
        "Gap of EMA 20 to EMA 50 in %: 0.3 -> -0.1, a significant change",
    ]


def test_volatility_is_told_as_a_price_or_in_percent() -> None:
    entry = an_entry(facts={"price": 0.00002, "atr_pct": 1.0})
    told = of("The market then and now", entry=entry, exit_facts={"price": 0.00002, "atr_pct": 1.2})
    assert told[1] == "ATR: 0.0000002 -> 0.00000024"
    entry = an_entry(facts={"atr_pct": 1.0})
    told = of("The market then and now", entry=entry, exit_facts={"atr_pct": 1.2})
    assert told == ["ATR in %: 1 -> 1.2"]


def test_a_change_without_a_name_of_its_own_is_told_by_its_code() -> None:
    change = Change("volume", 1.0, 2.0, significant=False)
    assert (ENGLISH._fact(change), CHINESE._fact(change)) == ("volume", "指标 volume")


@pytest.mark.parametrize("changes", [{"entry": None}, {"exit_facts": {}}])
def test_a_market_that_was_not_recorded_is_said_to(changes: dict[str, Any]) -> None:
    assert of("The market then and now", **changes) == ["Not recorded at both times."]


def test_the_scores_stand_by_dimension_beside_the_models_own() -> None:
    assert of("Scores") == [
        "Profit 21 of 30",
        "Risk 20 of 25",
        "Timing 20 of 25",
        "Efficiency 20 of 20",
        "Together 81 of 100, grade A",
        "The model gave itself 75",
        "Reward +0.047",
    ]


def test_each_score_is_its_own_dimensions() -> None:
    points = {"profit": 1, "risk": 2, "timing": 3, "efficiency": 4}
    evaluation = Evaluation(
        **{f"{name}_points": value for name, value in points.items()}, score=10, grade="F"
    )
    told = of("Scores", evaluation=evaluation, model_score=None)
    assert [line.split()[1] for line in told[:4]] == ["1", "2", "3", "4"]
    assert told[4:] == ["Together 10 of 100, grade F", "Reward +0.047"]


RIGHT = {"mfe_ratio": 0.05, "mae_ratio": -0.02}
WRONG = {"mfe_ratio": 0.02, "mae_ratio": -0.05}


@pytest.mark.parametrize(
    ("judgement", "excursion", "told"),
    [
        ("skill", RIGHT, "Skill: it won in the direction it was opened for"),
        ("luck", RIGHT, "Luck: it won more than twice as far as was to be expected"),
        ("luck", WRONG, "Luck: it won although the direction was wrong"),
        ("misfortune", RIGHT, "Misfortune: the direction was right, and the loss stayed within"),
        ("misfortune", WRONG, "Misfortune: the price went more than twice as far as is usual"),
        ("mistake", RIGHT, "Mistake: the direction was right, but the loss went beyond the stop"),
        ("mistake", WRONG, "Mistake: the direction was wrong"),
        (None, RIGHT, "Cannot be told from what was recorded."),
    ],
)
def test_a_judgement_is_told_by_what_decided_it(
    judgement: Any, excursion: dict[str, float], told: str
) -> None:
    reflection = Reflection(summary="x", lessons=(), judgement=judgement)
    (line,) = of("Judgement", reflection=reflection, **excursion)
    assert line.startswith(told)


@pytest.mark.parametrize(("surprise", "told"), [(1.25, "+1.25"), (-2.5, "-2.5"), (0.0, "+0")])
def test_the_surprise_is_told_beside_it(surprise: float, told: str) -> None:
    reflection = Reflection(summary="x", lessons=(), judgement="skill", surprise=surprise)
    _, line = of("Judgement", reflection=reflection)
    assert line == (
        f"Against what its confidence let expect: {told} times the usual move in that time, "
        "fees included"
    )


def test_the_currency_is_that_of_the_pair_and_no_longer_than_a_name() -> None:
    assert "that is +5.8 USDC with" in of("What happened", pair="BTC/USDC:USDC")[2]
    assert "that is +5.8 XXXXXXXXXXX… with" in of("What happened", pair="X" * 99)[2]


def test_lessons_follow_the_summary_and_then_a_models_words() -> None:
    assert of("Lessons", "Sell \u201csooner\u201d\nnext time") == [
        "Win: long 3x.",
        "take profits",
        "wait",
        'As a model worded it: \u201cSell "sooner" next time\u201d',
    ]


def test_a_trade_that_taught_nothing_says_so() -> None:
    reflection = Reflection(summary="Win.", lessons=())
    assert of("Lessons", reflection=reflection) == ["Win.", "None beyond the summary."]


@pytest.mark.parametrize(
    ("entry", "exit_id", "told"),
    [
        (an_entry(), "d-2", ["Opened by d-1", "Closed by d-2"]),
        (an_entry(), None, ["Opened by d-1"]),
        (None, "d-2", ["Closed by d-2"]),
        (None, None, ["None is linked to it."]),
    ],
)
def test_the_decisions_behind_it_are_named(
    entry: EntryThesis | None, exit_id: str | None, told: list[str]
) -> None:
    assert of("Decisions", entry=entry, exit_decision_id=exit_id) == told


def test_a_review_speaks_chinese() -> None:
    review = CHINESE.review(a_trade(side="short"), "早点止盈")
    assert review.title == "交易 7 BTC/USDT:USDT 做空 3x（sandbox）：+5.8 %，评级 A"
    assert lines("归因", review) == [
        "靠实力：方向正确并获利",
        "与其置信度所对应的预期相比（已计手续费）：+1.25 倍的同期常见波幅",
    ]
    assert lines("经验教训", review)[-1] == "模型的表述：\u201c早点止盈\u201d"
    assert "开仓决策 d-1" in lines("相关决策", review)


def test_both_languages_say_equally_much() -> None:
    for record in (a_trade(), a_trade(entry=None, exit_decision_id=None, model_score=None)):
        english, chinese = ENGLISH.review(record, "x"), CHINESE.review(record, "x")
        told = [[len(one.lines) for one in review.sections] for review in (english, chinese)]
        assert told[0] == told[1]


def test_what_a_model_wrote_cannot_close_its_quotation_or_begin_a_line() -> None:
    assert quoted(" a\u201d\n\nScores\t\u201cb ") == '\u201ca" Scores "b\u201d'


@pytest.mark.parametrize(("length", "cut"), [(LONGEST_QUOTE, False), (LONGEST_QUOTE + 1, True)])
def test_a_quotation_is_bounded(length: int, cut: bool) -> None:
    text = quoted("x" * length)
    assert text.endswith("\u2026\u201d") is cut
    assert len(text) == LONGEST_QUOTE + 2


NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@given(
    facts=st.dictionaries(st.sampled_from(["price", "rsi", "adx", "atr_pct", "macd_pct"]), NUMBER),
    now=st.dictionaries(st.sampled_from(["price", "rsi", "adx", "atr_pct", "macd_pct"]), NUMBER),
    numbers=st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
    text=st.text(),
)
def test_no_record_is_too_odd_to_be_reviewed(
    facts: dict[str, float],
    now: dict[str, float],
    numbers: tuple[float, float, float, float],
    text: str,
) -> None:
    profit, mfe, mae, stop = numbers
    entry = an_entry(facts=facts, reason=text, invalidation=text, stop_price=stop)
    record = a_trade(
        entry=entry,
        exit_facts=now,
        profit_ratio=profit,
        mfe_ratio=mfe,
        mae_ratio=mae,
        opened_at=NOON + timedelta(days=1),
        exit_reflection=text,
    )
    for reviewer in (ENGLISH, CHINESE):
        review = reviewer.review(record, text)
        assert all("\n" not in line for one in review.sections for line in one.lines)
