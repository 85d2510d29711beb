"""What a day can cost: how many questions, how long, and against which budget."""

from collections.abc import Iterator
from typing import Any

import pytest

from examining import NO_CALLS, Doctor
from llm_modules.llm.meter import NoMeter
from llm_modules.operations.doctor.cost_check import MINUTES, questions_a_day
from llm_modules.operations.doctor.diagnosis import Diagnosis, MostCost, Purse
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import USUAL_TIMEFRAME
from models import CANARY
from picky_server import PickyServer, running

BASE = {"api_base": "https://models.example/v1", "model": "m", "max_tokens": 2000}


def a_cent(_provider: str, _model: str, _prompt: int, _answer: int) -> float:
    return 0.01


@pytest.fixture
def doctor(session: Session, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(session, capsys).having(LLM_API_KEY=CANARY)


@pytest.fixture
def server() -> Iterator[PickyServer]:
    with running(PickyServer()) as one:
        yield one


def a_day(doctor: Doctor, most_cost: MostCost = a_cent, **changes: Any) -> Diagnosis:
    doctor.with_file(llm_config=BASE | changes)
    found = doctor.finds(NO_CALLS, purse_of=lambda _: Purse(NoMeter(), most_cost))
    (one,) = (diagnosis for diagnosis in found if diagnosis.about == "cost")
    return one


def test_a_day_is_all_questions_at_the_price_of_the_longest(doctor: Doctor) -> None:
    asked: list[tuple[object, ...]] = []

    def most_cost(*about: object) -> float:
        asked.append(about)
        return 0.01

    day = a_day(doctor, most_cost)
    # Five pairs, 48 candles of 30 minutes.
    assert day.sentence == (
        "at most about 2.40 USD for 240 questions of up to 6,000 tokens, answers of 2,000"
    )
    assert asked == [("compatible", "m", 6000, 2000)]
    assert day.health == "ok"


def test_answers_are_as_long_as_those_of_the_last_check(
    doctor: Doctor, server: PickyServer
) -> None:
    doctor.asking(server).finds()
    day = a_day(doctor, api_base=server.url, model="test-model")
    assert day.sentence.endswith("answers of 60")


def test_answers_nobody_counted_are_as_long_as_they_may_be(
    doctor: Doctor, server: PickyServer
) -> None:
    server.usage = None
    doctor.asking(server).finds()
    day = a_day(doctor, api_base=server.url, model="test-model")
    assert day.sentence.endswith("answers of 2,000")


@pytest.mark.parametrize(("limit", "health"), [(2.39, "warn"), (2.40, "ok"), (2.41, "ok")])
def test_more_than_the_days_budget_is_worth_a_warning(
    doctor: Doctor, limit: float, health: str
) -> None:
    prices = {"m": {"input": 1.0, "output": 1.0}}
    day = a_day(doctor, budget={"usd_per_day": limit}, prices=prices)
    assert day.health == health
    assert (f"ends it at {limit:.2f}" in day.advice) == (health == "warn")


@pytest.mark.parametrize("budget", [{}, {"tokens_per_day": 1}])
def test_an_unknown_price_is_told_with_what_to_write(
    doctor: Doctor, budget: dict[str, float]
) -> None:
    day = a_day(doctor, lambda *_: None, budget=budget)
    assert (day.health, day.sentence) == ("warn", "no price of m is known")
    assert '"prices": {"m": {"input": .., "output": ..}}' in day.advice


def test_a_server_of_ones_own_needs_no_price(doctor: Doctor) -> None:
    day = a_day(doctor, lambda *_: None, api_base="http://127.0.0.1:11434/v1")
    assert (day.health, day.sentence) == ("ok", "no price of m is known")


def test_without_a_price_table_no_price_is_known(doctor: Doctor) -> None:
    doctor.with_file(llm_config=BASE)
    assert doctor.finds(NO_CALLS)[-1].sentence == "no price of m is known"


def test_a_cadence_of_either_state_bounds_the_questions(doctor: Doctor) -> None:
    asking = {"flat_every_candles": 4, "in_position_every_candles": 2}
    assert "120 questions" in a_day(doctor, asking=asking).sentence


def test_one_question_for_all_pairs_is_one(doctor: Doctor) -> None:
    assert "48 questions" in a_day(doctor, asking={"scope": "portfolio"}).sentence


@pytest.mark.parametrize(
    ("timeframe", "questions"),
    [("1m", 2 * 1440), ("15m", 2 * 96), ("4h", 2 * 6), ("1d", 2), ("3d", 2 / 3), ("1w", 2 / 7)],
)
def test_questions_follow_the_candles(timeframe: str, questions: float) -> None:
    settings = {"timeframe": timeframe, "exchange": {"pair_whitelist": ["a", "b"]}}
    asked = questions_a_day(settings, scope="pair", every_candles=1)
    assert asked == pytest.approx(questions)


def test_the_usual_timeframe_is_the_strategys() -> None:
    strategy = SHIPPED_USER_DATA / "strategies" / "LLMFunctionStrategy.py"
    assert f'    timeframe = "{USUAL_TIMEFRAME}"\n' in strategy.read_text()
    settings = {"exchange": {"pair_whitelist": ["a"]}}
    assert questions_a_day(settings, scope="pair", every_candles=1) == MINUTES["d"] / 30
