"""The models a bot asks: keys, what is asked when, what is kept, and what went wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adversary import adversary, http
from examining import AGAIN, EVERYTHING, NO_CALLS, Doctor, about
from llm_modules.config import TraderConfig
from llm_modules.dialogue import Expense, Inquiry
from llm_modules.errors import ConfigError, ProviderError
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.opening import targets
from llm_modules.llm.providers.findings import FINDINGS_NAME, OLDEST, Findings
from llm_modules.operations.doctor.diagnosis import Purse, no_purse
from llm_modules.operations.doctor.model_checks import Asked, _failed
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from models import CANARY, a_target
from picky_server import PickyServer, refusing_strict, running

HEADING = "llm_config.model test-model"


@pytest.fixture
def bare(session: Session, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(session, capsys)


@pytest.fixture
def doctor(bare: Doctor) -> Doctor:
    return bare.having(LLM_API_KEY=CANARY)


@pytest.fixture
def server() -> Iterator[PickyServer]:
    with running(PickyServer()) as one:
        yield one


@pytest.fixture
def path(session: Session) -> Path:
    return session.places.user_data / FINDINGS_NAME


def keys(doctor: Doctor) -> dict[str, tuple[str, str]]:
    found = doctor.finds(NO_CALLS)
    return {one.subject: (one.health, one.advice) for one in found if one.about == "keys"}


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_there_or_is_not(bare: Doctor) -> None:
    asking = bare.setting(LLM_CONFIG__PROVIDER="openai", LLM_CONFIG__MODEL="gpt-x")
    advice = "If the server wants one, put OPENAI_API_KEY=... into .env"
    assert keys(asking) == {"api.openai.com": ("warn", advice)}
    for variable in ("LLM_API_KEY", "OPENAI_API_KEY"):
        with_key = asking.having(**{variable: CANARY})
        assert keys(with_key) == {"api.openai.com": ("ok", "")}


def test_a_server_of_this_machine_needs_no_key(bare: Doctor, server: PickyServer) -> None:
    assert keys(bare.asking(server)) == {f"127.0.0.1:{server.port}": ("ok", "")}


def test_an_unknown_server_gets_the_key_in_the_common_variable(bare: Doctor) -> None:
    asking = bare.setting(LLM_CONFIG__API_BASE="https://x.example/v1", LLM_CONFIG__MODEL="m")
    advice = "If the server wants one, put LLM_API_KEY=... into .env"
    assert keys(asking) == {"x.example": ("warn", advice)}
    assert keys(asking.having(LLM_API_KEY=CANARY)) == {"x.example": ("ok", "")}


def test_each_server_is_looked_at_once(doctor: Doctor) -> None:
    fallbacks = [
        {"api_base": "https://first.example/v1", "model": "small"},
        {"provider": "deepseek", "model": "d"},
        {"api_base": "https://far.example/v1", "model": "f"},
        {"provider": "deepseek", "model": "e"},
        {"provider": "vllm", "api_base": "https://v.example/v1", "model": "v"},
    ]
    first = {"api_base": "https://first.example/v1", "model": "m", "fallbacks": fallbacks}
    assert keys(doctor.with_file(llm_config=first)) == {
        "first.example": ("ok", ""),
        "api.deepseek.com": (
            "warn",
            "If the server wants one, put DEEPSEEK_API_KEY=... into .env",
        ),
        "far.example": (
            "warn",
            "LLM_API_KEY goes to the first server only; name the preset of this one",
        ),
        "v.example": (
            "warn",
            "LLM_API_KEY goes to the first server only; name the preset of this one",
        ),
    }


# --- which models -------------------------------------------------------------------------------


def test_every_model_of_the_settings_is_asked_once(doctor: Doctor, server: PickyServer) -> None:
    with running(PickyServer()) as other:
        block = {
            "api_base": server.url,
            "model": "main",
            "fallbacks": [
                {"api_base": server.url, "model": "spare"},
                {"api_base": f"http://127.0.0.1:{other.port}/other/v1", "model": "main"},
            ],
            "asking": {"cheap_model": "small"},
        }
        asking = doctor.with_file(llm_config=block, experience_config={"lesson_model": "small"})
        found = asking.finds()
    headings = list(dict.fromkeys(one.about for one in found))
    assert headings == [
        "settings",
        "keys",
        "llm_config.model main",
        "llm_config.fallbacks[0] spare",
        "llm_config.fallbacks[1] main",
        "llm_config.asking.cheap_model small",
        "cost",
    ]
    models = [request["model"] for request in server.requests]
    assert models == ["main"] * 8 + ["spare"] * 8 + ["small"] * 8
    assert server.keys == [f"Bearer {CANARY}"] * 24
    # Another server, which was given no key.
    assert other.keys == ["Bearer no-key"] * 8


def test_a_lesson_model_is_asked_at_the_first_server(doctor: Doctor, server: PickyServer) -> None:
    asking = doctor.asking(server).setting(EXPERIENCE_CONFIG__LESSON_MODEL="teacher")
    found = asking.finds()
    assert "experience_config.lesson_model teacher" in {one.about for one in found}
    assert [request["model"] for request in server.requests[8:]] == ["teacher"] * 8


# --- when it is asked ---------------------------------------------------------------------------


def test_a_finding_is_kept_for_the_bot_and_shown_next_time(
    doctor: Doctor, server: PickyServer, path: Path
) -> None:
    server.refusals = [refusing_strict("no strict schemas")]
    asking = doctor.asking(server)
    first = asking.finds()
    target = Findings(path).applied(a_target(server.url))
    assert not target.provider.of("test-model").strict_tools
    again = asking.finds()
    last = about(again, "last asked")
    assert last.sentence.endswith(" UTC; --again asks anew")
    assert [one for one in again if one is not last] == first


def test_an_outdated_finding_is_made_anew(doctor: Doctor, server: PickyServer, path: Path) -> None:
    asking = doctor.asking(server)
    asking.finds()
    finding = Findings(path).of(a_target(server.url))
    assert finding is not None
    past = datetime.now(UTC) - OLDEST - timedelta(hours=1)
    Findings(path, lambda: past).keep(finding.model_copy(update={"at": past}))
    asking.finds()
    assert len(server.requests) == 16


def test_without_calls_a_model_that_was_never_asked_is_told(
    doctor: Doctor, server: PickyServer
) -> None:
    found = doctor.asking(server).finds(NO_CALLS)
    answer = about(found, "answer")
    assert (answer.health, answer.about) == ("ok", HEADING)
    assert answer.sentence == "never asked, and not now: --no-calls"


def test_a_bot_that_answers_from_its_tape_asks_nobody(doctor: Doctor, server: PickyServer) -> None:
    asking = doctor.asking(server).setting(LLM_CONFIG__TAPE_MODE="replay")
    assert about(asking.finds(AGAIN), "answer").sentence.endswith(
        'llm_config.tape_mode is "replay"'
    )
    doctor.asking(server).setting(LLM_CONFIG__TAPE_MODE="replay_or_record").finds()
    assert len(server.requests) == 8
    # What is known is told all the same.
    assert about(asking.finds(AGAIN), "last asked").health == "ok"
    assert len(server.requests) == 8


def test_a_damaged_file_of_findings_is_made_anew(
    doctor: Doctor, server: PickyServer, path: Path
) -> None:
    path.write_text("{")
    doctor.asking(server).finds()
    assert Findings(path).of(a_target(server.url)) is not None


def test_a_finding_that_cannot_be_kept_is_told_beside_it(
    doctor: Doctor, server: PickyServer, path: Path
) -> None:
    path.mkdir()
    asking = doctor.asking(server)
    found = asking.finds()
    finding = about(found, "finding")
    assert finding.health == "warn"
    assert finding.sentence == f"not kept, {path} cannot be written: Is a directory"
    assert about(found, "signal_wait").health == "ok"
    assert asking.status is ExitStatus.DONE


# --- what went wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence", "advice"),
    [
        (401, "unauthorised: ", "valid key"),
        (404, "rejected: ", "spelled"),
        (429, "rate_limited: ", "Wait a minute"),
        (503, "server_error: ", "try again later"),
    ],
)
def test_a_fault_is_told_with_what_to_do(
    doctor: Doctor, server: PickyServer, status: int, sentence: str, advice: str
) -> None:
    server.status = status
    asking = doctor.asking(server)
    answer = about(asking.finds(), "answer")
    assert answer.health == "fail"
    assert answer.sentence.startswith(sentence)
    assert advice in answer.advice
    assert asking.status is ExitStatus.FAILED


def at(doctor: Doctor, url: str, **settings: str) -> Any:
    asking = doctor.setting(LLM_CONFIG__API_BASE=url, LLM_CONFIG__MODEL="m", **settings)
    return about(asking.finds(), "answer")


def test_nobody_listening_is_told(doctor: Doctor) -> None:
    answer = at(doctor, "http://127.0.0.1:9/v1")
    assert answer.sentence.startswith("connection: ")
    assert "Is the server running" in answer.advice


def test_a_page_in_place_of_an_answer_is_told(doctor: Doctor) -> None:
    page = http("<html>Log in first</html>", content_type="text/html")
    with adversary(page) as server:
        answer = at(doctor, server.url)
    assert answer.sentence.startswith("bad_response: ")
    assert "/v1" in answer.advice


def test_a_redirect_is_told_and_not_followed(doctor: Doctor, server: PickyServer) -> None:
    elsewhere = http("", "307 Temporary Redirect", location=server.url)
    with adversary(elsewhere) as first:
        answer = at(doctor, first.url)
    assert answer.sentence.startswith("redirected: ")
    assert server.keys == []


def test_silence_is_told_in_the_time_of_a_question(doctor: Doctor) -> None:
    with adversary(lambda _: [60.0]) as server:
        answer = at(doctor, server.url, LLM_CONFIG__TIMEOUT="0.3")
    assert answer.sentence == "timeout: no complete answer within 0.3 s"


def test_a_provider_without_a_server_says_what_is_missing(doctor: Doctor) -> None:
    asking = doctor.setting(LLM_CONFIG__PROVIDER="vllm", LLM_CONFIG__MODEL="m")
    (answer,) = asking.finds()
    assert answer.health == "fail"
    assert answer.sentence.startswith("llm_config.api_base: empty")


def test_a_library_that_is_missing_says_so_itself(doctor: Doctor, server: PickyServer) -> None:
    config = opened_case(doctor.asking(server).session, EVERYTHING, no_purse).config
    assert config is not None
    asked = Asked("llm_config.model", targets(config.llm_config, {})[0])
    row = _failed(asked, ConfigError("anthropic is not installed: ./manage.sh start does it"))
    assert (row.health, row.sentence[:26]) == ("fail", "anthropic is not installed")


def test_one_models_failure_does_not_keep_the_others_from_being_asked(
    doctor: Doctor, server: PickyServer
) -> None:
    server.refusals = [lambda body: "no such model" if body["model"] == "test-model" else None]
    found = doctor.asking(server).setting(LLM_CONFIG__ASKING__CHEAP_MODEL="small").finds()
    assert about(found, "answer").about == HEADING
    assert about(found, "signal_wait").about == "llm_config.asking.cheap_model small"


class Spent(NoMeter):
    """Counts what is charged, and lets three requests pass."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def admit(self) -> None:
        if len(self.kinds) == 3:
            raise ProviderError("over_budget", "the day's budget is spent")

    def charge(self, inquiry: Inquiry, expense: Expense, *estimates: Any) -> Expense:
        self.kinds.append(inquiry.kind)
        return expense


def test_questions_are_charged_and_end_with_the_budget(doctor: Doctor, server: PickyServer) -> None:
    meter, configs = Spent(), []

    def purse_of(config: TraderConfig) -> Purse:
        configs.append(config.llm_config.model)
        return Purse(meter, lambda *_: None)

    found = doctor.asking(server).finds(EVERYTHING, purse_of=purse_of)
    assert meter.kinds == ["check"] * 3
    assert configs == ["test-model"]
    answer = about(found, "answer")
    assert answer.sentence == "over_budget: the day's budget is spent"
    assert "llm_config.budget" in answer.advice
