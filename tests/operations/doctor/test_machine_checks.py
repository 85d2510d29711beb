"""What `doctor` says of the machine."""

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from examining import case_of
from llm_modules.operations.doctor import machine_checks
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, no_exchange
from llm_modules.operations.doctor.machine_checks import (
    api_port_is_free,
    disk_has_room,
    disk_row,
    docker_is_told,
    docker_row,
    engine_answers,
    files_are_ours,
    holder,
    python_is_known,
    python_row,
)
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.session import Session
from ports import free_port


@pytest.fixture
def case(session: Session) -> Case:
    return case_of(session, no_exchange)


def with_variables(case: Case, **variables: str) -> Case:
    session = replace(case.session, environment={**case.session.environment, **variables})
    return case_of(session, no_exchange)


def a_program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# --- Python and Docker --------------------------------------------------------------------------


def test_this_python_is_one_that_was_tried(case: Case) -> None:
    (row,) = python_is_known(case)
    assert row.health == "ok"


@pytest.mark.parametrize(
    ("version", "health"),
    [
        ((3, 10, 12), "fail"),
        ((3, 11, 0), "ok"),
        ((3, 13, 9), "ok"),
        ((3, 14, 0), "warn"),
        ((4, 0, 0), "warn"),
    ],
)
def test_a_python_is_judged_by_what_was_tried(version: tuple[int, ...], health: str) -> None:
    row = python_row(version)
    assert row.health == health
    assert row.sentence.startswith(".".join(map(str, version)))
    assert ("3.11 to 3.13" in row.sentence) is (health != "ok")


@pytest.mark.parametrize(
    ("program", "answers", "native", "sentence"),
    [
        (None, False, False, "not installed: ./manage.sh runs all natively"),
        ("/bin/docker", True, True, "not used: NATIVE=1"),
        ("/bin/docker", True, False, "its engine answers: ./manage.sh uses the container"),
        ("/bin/docker", False, False, "does not answer: ./manage.sh runs all natively"),
    ],
)
def test_the_way_manage_sh_will_go_is_told(
    program: str | None, answers: bool, native: bool, sentence: str
) -> None:
    row = docker_row(program, lambda _: answers, is_native=native)
    assert sentence in row.sentence
    assert row.health == ("warn" if "does not answer" in sentence else "ok")


def test_docker_is_looked_for_on_the_callers_path(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "CONTAINER_MARK", tmp_path / "none")
    (row,) = docker_is_told(with_variables(case, PATH=str(tmp_path)))
    assert "not installed" in row.sentence
    a_program(tmp_path / "docker", "exit 0")
    (row,) = docker_is_told(with_variables(case, PATH=str(tmp_path)))
    assert "engine answers" in row.sentence
    (row,) = docker_is_told(with_variables(case, PATH=str(tmp_path), NATIVE="1"))
    assert "NATIVE=1" in row.sentence


def test_inside_a_container_there_is_no_other_way(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / ".dockerenv"
    mark.touch()
    monkeypatch.setattr(machine_checks, "CONTAINER_MARK", mark)
    (row,) = docker_is_told(case)
    assert row.sentence == "this runs in a container"


def test_an_engine_answers_refuses_hangs_or_is_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "DOCKER_SECONDS", 0.3)
    assert engine_answers(a_program(tmp_path / "good", "exit 0"))
    assert not engine_answers(a_program(tmp_path / "bad", "exit 1"))
    assert not engine_answers(a_program(tmp_path / "slow", "exec sleep 30"))
    assert not engine_answers(str(tmp_path / "missing"))


# --- disk and files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "health"),
    [(0, "fail"), (199_999_999, "fail"), (200_000_000, "warn"), (10**9 - 1, "warn"), (10**9, "ok")],
)
def test_a_disk_is_judged_by_what_is_left(free: int, health: str) -> None:
    row = disk_row(free)
    assert row.health == health
    assert bool(row.advice) is (health != "ok")


def test_the_disk_of_user_data_is_the_one_that_counts(case: Case, tmp_path: Path) -> None:
    (row,) = disk_has_room(case)
    assert row.sentence.endswith(" GB free")
    session = replace(case.session, places=Places(tmp_path / "gone"))
    (row,) = disk_has_room(replace(case, session=session))
    assert (row.health, "No such file" in row.sentence) == ("fail", True)


def rows(case: Case) -> dict[str, Diagnosis]:
    return {one.subject: one for one in files_are_ours(case)}


@pytest.mark.parametrize(
    ("mode", "health"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warn"), (0o604, "warn")]
)
def test_secrets_are_closed_to_others(case: Case, mode: int, health: str) -> None:
    path = case.session.places.env_file
    path.write_text("")
    path.chmod(mode)
    row = rows(case)[".env"]
    assert row.health == health
    if health == "warn":
        assert f"mode {mode:04o}, expected 0600" in row.sentence
        assert row.advice == f"chmod 600 {path}"


def test_no_secrets_yet_are_no_fault(case: Case) -> None:
    assert rows(case)[".env"].health == "ok"


def test_a_folder_we_may_write_is_fine(case: Case) -> None:
    assert rows(case)["user_data"].sentence == "can be written"


def test_what_may_not_be_written_is_named(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions say nothing to root, who runs these tests in places.
    closed = case.session.places.logs
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: path != closed)
    row = rows(case)["user_data"]
    assert (row.health, row.sentence) == ("fail", f"cannot be written: {closed}")
    assert "chown -R 1000:1000" in row.advice


def test_a_folder_that_is_none_is_told(case: Case, tmp_path: Path) -> None:
    session = replace(case.session, places=Places(tmp_path / "gone"))
    row = rows(replace(case, session=session))["user_data"]
    assert (row.health, row.sentence) == ("fail", f"{tmp_path / 'gone'} is no folder")


# --- ports --------------------------------------------------------------------------------------


def test_a_free_port_is_free(case: Case) -> None:
    port = free_port()
    (row,) = api_port_is_free(with_variables(case, FREQTRADE__API_SERVER__LISTEN_PORT=str(port)))
    assert (row.health, row.sentence) == ("ok", f"{port} is free")


def test_who_holds_a_port_is_named(case: Case) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        variable = {"FREQTRADE__API_SERVER__LISTEN_PORT": str(port)}
        (row,) = api_port_is_free(with_variables(case, **variable))
    assert row.health == "fail"
    assert row.sentence == f"{port} is taken by {psutil.Process().name()}, process {os.getpid()}"
    assert "--api-port" in row.advice


def test_a_system_that_does_not_tell_leaves_it_at_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", lambda _kind: [])
    assert holder(8086) == "another user's program"
    monkeypatch.setattr(psutil, "net_connections", denied)
    assert holder(8086) == "another program"


def test_the_port_of_the_running_bot_is_its_own(case: Case) -> None:
    places = case.session.places
    with bot_lock(places):
        write_record(places, Plan("sandbox", 12_345, ()), datetime.now(UTC), ())
        (row,) = api_port_is_free(case)
    assert (row.health, row.sentence) == ("ok", "12345 is the running bot's")


def test_without_usable_settings_no_port_is_known(case: Case) -> None:
    assert list(api_port_is_free(with_variables(case, FREQTRADE__TIMEFRAME="7m"))) == []
