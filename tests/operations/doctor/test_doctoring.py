"""`doctor` as a command: settings, sections, table, exit status, and being interrupted."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import aiohttp.web
import pytest

import fake_binance
from examining import AGAIN, EVERYTHING, NO_CALLS, OF_MODELS, Doctor, about
from llm_modules.config import TraderConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.findings import FINDINGS_NAME
from llm_modules.llm.spending.opening import ledger_beside
from llm_modules.operations.asking.paying import Paying
from llm_modules.operations.doctor.diagnosis import (
    Case,
    Diagnosis,
    DoctorOptions,
    Health,
    Purse,
    worst,
)
from llm_modules.operations.doctor.doctoring import SECTIONS
from llm_modules.operations.doctor.exchange_checks import exchange_is_fit
from llm_modules.operations.doctor.rehearsing import rehearsal
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.session import Session
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import model_app
from models import CANARY
from picky_server import PickyServer, running
from serving import serving


@pytest.fixture
def doctor(session: Session, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(session, capsys).having(LLM_API_KEY=CANARY)


@pytest.fixture
def server() -> Iterator[PickyServer]:
    with running(PickyServer()) as one:
        yield one


# --- settings -----------------------------------------------------------------------------------


def test_every_problem_of_the_settings_is_told_and_no_model_is_asked(
    doctor: Doctor, server: PickyServer
) -> None:
    broken = doctor.asking(server).setting(LLM_CONFIG__TEMPERATURE="9", TIMEFRAME="7m", DRY_RUN="x")
    found = broken.finds()
    assert broken.status is ExitStatus.UNUSABLE
    assert [one.health for one in found] == ["fail"] * 3
    keys = {one.sentence.partition(":")[0] for one in found}
    assert keys == {"dry_run", "timeframe", "llm_config.temperature"}
    assert server.requests == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "line 1, column 2"),
        ("[]", "found list, expected an object"),
    ],
)
def test_a_file_that_is_no_settings_is_one_problem(
    doctor: Doctor, text: str, sentence: str
) -> None:
    doctor.session.places.settings.write_text(text)
    (problem,) = doctor.finds()
    assert sentence in problem.sentence
    assert doctor.status is ExitStatus.UNUSABLE


def test_a_secret_in_the_file_hides_no_other_problem(doctor: Doctor) -> None:
    wrong = {"llm_config": {"api_key": "sk-canary"}, "risk_management": {"max_leverage": 500}}
    found = doctor.with_file(**wrong).finds()
    assert "holds secrets: llm_config.api_key" in found[0].sentence
    assert any(one.sentence.startswith("risk_management.max_leverage: found") for one in found)
    assert "sk-canary" not in str(found)
    assert doctor.status is ExitStatus.UNUSABLE


def test_a_secret_alone_is_the_only_problem(doctor: Doctor) -> None:
    (problem,) = doctor.with_file(exchange={"key": "canary-key"}).finds()
    assert "./manage.sh move-keys" in problem.sentence
    assert "canary-key" not in str(problem)


def test_a_missing_file_is_told(doctor: Doctor) -> None:
    doctor.session.places.settings.unlink()
    (problem,) = doctor.finds()
    assert "is missing" in problem.sentence
    assert doctor.status is ExitStatus.UNUSABLE


def test_a_malformed_env_file_keeps_nothing_else_from_being_looked_at(doctor: Doctor) -> None:
    doctor.session.places.env_file.write_text("LLM_API_KEY\n")
    found = doctor.finds(NO_CALLS, sections=SECTIONS)
    assert doctor.status is ExitStatus.UNUSABLE
    assert [one.subject for one in found if one.health == "fail"] == [".env"]
    assert {"machine", "settings", "journals", "risk gate"} <= {one.about for one in found}


def test_a_malformed_env_file_is_told_by_line(doctor: Doctor) -> None:
    doctor.session.places.env_file.write_text("LLM_API_KEY\n")
    (problem,) = doctor.finds()
    assert "line 1: expected NAME=value" in problem.sentence


@pytest.mark.parametrize("base", ["", "http://[x"])
def test_a_model_without_a_server_to_ask_is_told(doctor: Doctor, base: str) -> None:
    wrong = doctor.setting(LLM_CONFIG__MODEL="m", LLM_CONFIG__PROVIDER="openai")
    wrong = (
        wrong.setting(LLM_CONFIG__API_BASE=base)
        if base
        else wrong.setting(LLM_CONFIG__PROVIDER="nobody")
    )
    (problem,) = wrong.finds()
    assert "expected" in problem.sentence
    assert wrong.status is ExitStatus.UNUSABLE


def test_a_budget_that_cannot_be_counted_is_a_problem_of_the_settings(
    doctor: Doctor, server: PickyServer
) -> None:
    def purse_of(_config: TraderConfig) -> Purse:
        raise ConfigError("llm_config.budget limits money, but nobody knows what m costs")

    asking = doctor.asking(server)
    (problem,) = asking.finds(purse_of=purse_of)
    assert "nobody knows" in problem.sentence
    assert asking.status is ExitStatus.UNUSABLE


def test_a_damaged_ledger_is_a_problem_that_is_told_as_json_too(
    doctor: Doctor, server: PickyServer
) -> None:
    asking = doctor.asking(server)
    ledger = asking.session.journals().tape.with_name("llm_costs.sqlite")
    ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger.write_bytes(b"this was a ledger once " * 50)
    (problem,) = asking.finds(purse_of=Paying(asking.session))
    assert problem.sentence.startswith("the ledger of costs: ")
    assert "is damaged" in problem.sentence
    assert asking.status is ExitStatus.UNUSABLE
    assert server.requests == []


def test_secrets_that_the_first_start_makes_need_not_be_there(
    places: Places, capsys: pytest.CaptureFixture[str], session: Session
) -> None:
    fresh = Doctor(Session(places, {}, session.screen), capsys)
    assert about(fresh.finds(), "config.json").health == "ok"
    assert fresh.status is ExitStatus.DONE
    assert not places.env_file.exists()


def test_a_secret_that_is_there_is_checked(doctor: Doctor) -> None:
    short = doctor.setting(API_SERVER__JWT_SECRET_KEY="short-key")
    (problem,) = short.finds()
    assert problem.sentence.startswith("api_server.jwt_secret_key: too short")


# --- the sandbox --------------------------------------------------------------------------------


def test_without_a_model_and_a_sandbox_it_says_how_to_go_on(doctor: Doctor) -> None:
    found = doctor.finds()
    assert [one.health for one in found] == ["ok", "warn"]
    sandbox = about(found, "sandbox")
    assert "no model is configured" in sandbox.sentence
    assert "./manage.sh start" in sandbox.advice
    assert doctor.status is ExitStatus.DONE


def test_advice_stands_below_what_it_is_about(doctor: Doctor) -> None:
    sandbox = about(doctor.finds(), "sandbox")
    assert doctor.shows().splitlines() == [
        "settings",
        "ok    config.json         usable, with the environment and .env",
        "model",
        f"warn  sandbox             {sandbox.sentence}",
        f"                          {sandbox.advice}",
        "0 failed, 1 to look at, 1 in order.",
    ]


@contextmanager
def a_running_sandbox(places: Places, *arguments: str) -> Iterator[None]:
    """A bot that runs as far as its record tells: a process with the sandbox's arguments."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", *arguments]
    process = subprocess.Popen(command)  # noqa: S603 - our own words
    try:
        with bot_lock(places):
            plan = Plan("sandbox", 8086, ())
            write_record(places, plan, datetime.now(UTC), (("sandbox", process.pid),))
            yield
    finally:
        process.kill()
        process.wait()


def scripted_model() -> aiohttp.web.Application:
    return model_app(Switchboard(ModelFaults()), lambda: 0)


def test_the_scripted_model_of_a_running_sandbox_is_asked(doctor: Doctor) -> None:
    places = doctor.session.places
    with serving(scripted_model) as port, a_running_sandbox(places, "--model-port", str(port)):
        found = doctor.finds()
    assert doctor.status is ExitStatus.DONE
    assert "the scripted one is asked" in about(found, "sandbox").sentence
    headings = {one.about for one in found}
    assert headings == {"settings", "model", "llm_config.model scripted-sandbox"}
    for tool in rehearsal().tools:
        assert about(found, tool).health == "ok"


def test_a_bot_without_a_scripted_model_has_none_to_ask(doctor: Doctor) -> None:
    with a_running_sandbox(doctor.session.places):
        found = doctor.finds()
    assert "does not run" in about(found, "sandbox").sentence


def test_what_the_sandbox_is_asked_is_on_its_bill(doctor: Doctor, server: PickyServer) -> None:
    places, paying = doctor.session.places, Paying(doctor.session)
    with a_running_sandbox(places, "--model-port", str(server.port)):
        doctor.finds(purse_of=paying)
    ledger = ledger_beside(doctor.session.journals().tape)
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute("SELECT kind, count(*) FROM requests GROUP BY kind").fetchall()
    assert rows == [("check", 8)]


def test_the_sandbox_is_never_sent_a_key(doctor: Doctor, server: PickyServer) -> None:
    places = doctor.session.places
    with a_running_sandbox(places, "--model-port", str(server.port)):
        doctor.finds()
    assert set(server.keys) == {"Bearer no-key"}
    assert len(server.requests) == 8


def test_the_local_exchange_of_a_running_sandbox_is_asked(
    doctor: Doctor, server: PickyServer
) -> None:
    places = doctor.session.places
    account = doctor.setting(EXCHANGE__KEY=CANARY, EXCHANGE__SECRET=CANARY)
    with fake_binance.running(fake_binance.FakeBinance()) as exchange:
        ports = ("--exchange-port", str(exchange.port), "--model-port", str(server.port))
        with a_running_sandbox(places, *ports):
            found = account.finds(NO_CALLS, sections=(exchange_is_fit,))
            assert "not asked" in about(found, "answer").sentence
            found = account.finds(sections=(exchange_is_fit,))
    assert [one.health for one in found] == ["ok"] * 5
    assert {one.about for one in found} == {"simulated exchange, as binance"}
    assert exchange.keys == set()
    assert "none is needed" in about(found, "key").sentence


# --- what is said -------------------------------------------------------------------------------


def test_every_row_stands_under_its_heading_in_the_same_columns(
    doctor: Doctor, server: PickyServer
) -> None:
    server.wrong_tools = {"signal_exit": "signal_hold"}
    lines = doctor.asking(server).shows().splitlines()
    assert lines[:5] == [
        "settings",
        "ok    config.json         usable, with the environment and .env",
        "keys",
        f"ok    127.0.0.1:{server.port}".ljust(26) + "there is a key",
        "llm_config.model test-model",
    ]
    row = lines.index("warn  signal_exit         wrong: you called signal_hold, not signal_exit")
    assert lines[row + 1].startswith(" " * 26 + "Ask anew with --again")
    assert lines.count("llm_config.model test-model") == 1
    assert lines[-1] == "0 failed, 1 to look at, 19 in order."
    assert all(line == line.rstrip() for line in lines)


def test_when_all_is_well_one_line_says_so(doctor: Doctor, server: PickyServer) -> None:
    assert doctor.asking(server).shows().endswith("All 20 checks are in order.\n")


def test_a_failure_is_counted_and_ends_with_status_1(doctor: Doctor, server: PickyServer) -> None:
    server.status = 401
    ill = doctor.asking(server)
    assert ill.shows().splitlines()[-1] == "1 failed, 0 to look at, 3 in order."
    assert ill.status is ExitStatus.FAILED


def test_what_a_server_writes_cannot_command_the_terminal(
    doctor: Doctor, server: PickyServer
) -> None:
    server.refusals = [lambda _: "\x1b[2J[red]boo[/]"]
    shown = doctor.asking(server).shows()
    assert "\x1b" not in shown
    assert "[2J[red]boo[/]" in shown


def test_json_is_one_object_and_nothing_else(
    doctor: Doctor, server: PickyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(type(doctor.session.screen), "progress", lambda _, text: told.append(text))
    whole = json.loads(doctor.asking(server).shows(DoctorOptions(json=True)))
    assert set(whole) == {"health", "complete", "checks"}
    assert whole["complete"] is True
    assert set(whole["checks"][0]) == {"health", "about", "subject", "sentence", "advice"}
    assert told == []
    doctor.asking(server).shows(AGAIN)
    assert told[0] == "Asking test-model: request 1, 14 at most "
    assert len(told) == 8


def test_a_section_is_a_function_in_a_list(doctor: Doctor) -> None:
    def disk_has_room(case: Case) -> Iterator[Diagnosis]:
        yield Diagnosis("fail", "disk", str(case.session.places.user_data), "full", "make room")

    assert doctor.finds(sections=(*OF_MODELS, disk_has_room))[-1].about == "disk"
    assert doctor.status is ExitStatus.FAILED


def test_everything_is_looked_at_the_quick_things_first(doctor: Doctor) -> None:
    found = doctor.finds(sections=SECTIONS)
    assert list(dict.fromkeys(one.about for one in found)) == [
        *("machine", "ports", "settings", "journals", "risk gate", "exchange", "model")
    ]


def test_unusable_settings_weigh_more_than_what_failed(doctor: Doctor) -> None:
    failing = Diagnosis("fail", "disk", "d", "full")
    doctor.session.places.settings.unlink()
    doctor.finds(sections=(lambda _: [failing],))
    assert doctor.status is ExitStatus.UNUSABLE


@pytest.mark.parametrize("text", ["{", "[]", '{"dry_run": 1}'])
def test_with_unusable_settings_the_rest_is_looked_at_all_the_same(
    doctor: Doctor, text: str
) -> None:
    doctor.session.places.settings.write_text(text)
    found = doctor.finds(sections=SECTIONS)
    assert {"machine", "settings", "journals", "risk gate"} == {one.about for one in found}
    assert doctor.status is ExitStatus.UNUSABLE


@pytest.mark.parametrize(
    ("healths", "whole"),
    [
        ((), "ok"),
        (("ok", "ok"), "ok"),
        (("ok", "warn", "ok"), "warn"),
        (("fail", "warn", "ok"), "fail"),
    ],
)
def test_the_worst_counts(healths: tuple[Health, ...], whole: Health) -> None:
    assert worst(Diagnosis(health, "a", "b", "c") for health in healths) == whole


# --- being interrupted --------------------------------------------------------------------------


def test_ctrl_c_ends_it_at_once_and_keeps_what_is_whole(
    doctor: Doctor, server: PickyServer
) -> None:
    released = threading.Event()

    def interrupt(number: int) -> None:
        if number == 11:
            os.kill(os.getpid(), signal.SIGINT)
            released.wait(20)

    server.before_answer = interrupt
    two = doctor.asking(server).setting(LLM_CONFIG__ASKING__CHEAP_MODEL="small-model")
    try:
        shown = two.shows()
    finally:
        released.set()
    assert two.errors == "Interrupted: not everything was looked at.\n"
    assert two.status is ExitStatus.FAILED
    assert "signal_hold" in shown
    assert "small-model" not in shown
    kept = json.loads((doctor.session.places.user_data / FINDINGS_NAME).read_text())["findings"]
    assert [one["model"] for one in kept] == ["test-model"]


def interrupted(_case: Case) -> Iterator[Diagnosis]:
    yield Diagnosis("ok", "disk", "d", "has room")
    raise KeyboardInterrupt


def test_an_interrupted_look_is_not_a_good_one(doctor: Doctor) -> None:
    assert "has room" in doctor.shows(sections=(interrupted,))
    assert doctor.status is ExitStatus.FAILED
    assert doctor.errors.startswith("Interrupted")


def test_what_was_found_before_an_interruption_is_whole_json(doctor: Doctor) -> None:
    whole = json.loads(doctor.shows(DoctorOptions(json=True), sections=(interrupted,)))
    assert whole["complete"] is False
    assert [one["sentence"] for one in whole["checks"]] == ["has room"]
    assert doctor.status is ExitStatus.FAILED


# --- what is asked ------------------------------------------------------------------------------


def test_nothing_is_asked_that_is_known_and_nothing_without_calls(
    doctor: Doctor, server: PickyServer
) -> None:
    asking = doctor.asking(server)
    asking.finds(NO_CALLS)
    assert server.requests == []
    for options, requests in ((EVERYTHING, 8), (EVERYTHING, 8), (NO_CALLS, 8), (AGAIN, 16)):
        asking.finds(options)
        assert len(server.requests) == requests


def test_every_request_is_on_the_bots_tape(doctor: Doctor, server: PickyServer) -> None:
    doctor.asking(server).finds()
    path = doctor.session.journals().tape
    with sqlite3.connect(path) as tape:
        assert tape.execute("SELECT count(*) FROM attempts").fetchone() == (8,)
    assert CANARY.encode() not in path.read_bytes()
