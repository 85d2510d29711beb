"""manage.sh with Docker, which is a stand-in."""

import os
import re
import stat
from pathlib import Path

import pytest

from scripted_project import DOCKER, Project, Result, halted

RUN = r"docker compose run --rm -T freqtrade-llm python -m llm_modules\.cli "
EXEC = r"docker compose exec -T freqtrade-llm python -m llm_modules\.cli "


def complete_env_file(project: Project) -> Path:
    path = project.folder / ".env"
    path.write_text("FREQTRADE__API_SERVER__WS_TOKEN=kcanary\n", encoding="utf-8")
    return path


def test_docker_that_does_not_answer_is_not_used(dockered: Project) -> None:
    assert dockered.run("status", DOCKER_DOWN="1").calls[-1] == "python -m llm_modules.cli status"


def test_native_can_be_asked_for(dockered: Project) -> None:
    assert not dockered.run("status", NATIVE="1").called("docker")


def test_the_first_start_makes_secrets_checks_starts_and_follows(dockered: Project) -> None:
    result = dockered.run("start")
    assert result.status == 0, result.err
    env_file = dockered.folder / ".env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert "FREQTRADE__API_SERVER__PASSWORD=kcanary" in env_file.read_text(encoding="utf-8")
    assert "kcanary" not in result.out + result.err
    order = [
        f"{RUN}complete-env",
        f"{RUN}check",
        r"docker compose up -d",
        f"{EXEC}announce",
        r"-T freqtrade-llm python -m llm_modules\.cli decisions",
    ]
    positions = [result.calls.index(result.called(pattern)[0]) for pattern in order]
    assert positions == sorted(positions)


def test_keys_already_in_the_env_file_stay(dockered: Project) -> None:
    (dockered.folder / ".env").write_text("LLM_API_KEY=mine\n", encoding="utf-8")
    dockered.run("start", "--detach")
    text = (dockered.folder / ".env").read_text(encoding="utf-8")
    assert text.startswith("LLM_API_KEY=mine\n")
    assert "WS_TOKEN=kcanary" in text


def test_a_broken_image_leaves_the_env_file_as_it_was(dockered: Project) -> None:
    (dockered.folder / ".env").write_text("LLM_API_KEY=mine\n", encoding="utf-8")
    result = dockered.run("start", IMAGE_BROKEN="1")
    assert result.status == 1
    assert (dockered.folder / ".env").read_text(encoding="utf-8") == "LLM_API_KEY=mine\n"
    assert not (dockered.folder / ".env.new").exists()
    assert not result.called("compose up")


def test_wrong_settings_keep_the_container_from_starting(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", BAD_SETTINGS="2")
    assert result.status == 2
    assert not result.called("compose up")


def test_a_start_that_never_answers_shows_the_containers_log(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", NEVER_ANSWERS="1")
    assert result.status == 1
    assert result.called("compose logs --tail 30 freqtrade-llm")


def test_a_second_start_only_follows(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", CONTAINER_RUNS="true")
    assert "already running" in result.out
    assert not result.called("compose up|cli check")
    assert result.called(f"{EXEC}decisions")


def test_detach_follows_nothing_and_sandbox_reaches_compose(dockered: Project) -> None:
    complete_env_file(dockered)
    noting = DOCKER.replace('echo "docker $*"', 'echo "docker $* ${LLM_TRADER_SANDBOX:-unset}"')
    dockered.provide("docker", noting)
    result = dockered.run("start", "--detach", "--sandbox")
    assert result.called("compose up -d 1")
    assert not result.called("decisions")


def test_an_unknown_option_of_start_is_status_2(dockered: Project) -> None:
    assert dockered.run("start", "--fast").status == 2


@pytest.mark.parametrize(("runs", "pattern"), [("true", EXEC), ("false", RUN)])
def test_viewers_work_in_the_running_container_or_in_one_of_their_own(
    dockered: Project, runs: str, pattern: str
) -> None:
    result = dockered.run("decisions", "-n", "3", CONTAINER_RUNS=runs)
    assert result.called(f"{pattern}decisions -n 3")


def test_stop_takes_the_container_down(dockered: Project) -> None:
    assert dockered.run("stop").called("docker compose down")


def test_status_without_a_container_is_3(dockered: Project) -> None:
    assert dockered.run("status").status == 3
    assert dockered.run("status", CONTAINER_RUNS="true").called(f"{EXEC}status")


def test_status_without_a_container_tells_what_halts(dockered: Project) -> None:
    halted(dockered).symlink_to("nowhere")
    (dockered.folder / "user_data" / "HALT.live").mkdir()
    (dockered.folder / "user_data" / "HALT.txt").touch()
    result = dockered.run("status")
    assert result.status == 3
    lines = [line for line in result.out.splitlines() if line.startswith("Halted: ")]
    assert [line.split()[1] for line in lines] == ["user_data/HALT", "user_data/HALT.live"]


@pytest.mark.parametrize(("runs", "pattern"), [("true", EXEC), ("false", RUN)])
def test_halt_and_resume_go_through_a_container(dockered: Project, runs: str, pattern: str) -> None:
    halted(dockered)
    assert dockered.run("halt", "why", CONTAINER_RUNS=runs).called(f"{pattern}halt -- why")
    assert dockered.run("resume", "--yes", CONTAINER_RUNS=runs).called(f"{pattern}resume --yes")


def test_flatten_needs_the_running_container(dockered: Project) -> None:
    result = dockered.run("flatten", "--yes")
    assert result.status == 3
    assert "nothing can be closed now: positions stay, with their stops" in result.err
    assert not result.called("cli flatten")
    assert dockered.run("flatten", CONTAINER_RUNS="true").called(f"{EXEC}flatten")


def test_clean_is_refused_while_the_container_runs(dockered: Project) -> None:
    result = dockered.run("clean", "--yes", CONTAINER_RUNS="true")
    assert result.status == 1
    assert not result.called("cli clean")
    assert dockered.run("clean", "--yes").called(f"{RUN}clean --yes")


def docker_steps(result: Result) -> list[str]:
    calls = result.called("compose (build|stop|up)|cli (check|announce)|docker tag")
    return [re.sub(r".*cli |docker (compose )?|freqtrade-llm", "", call).strip() for call in calls]


def test_restart_stops_before_it_starts_and_keeps_the_sandbox(dockered: Project) -> None:
    complete_env_file(dockered)
    noting = DOCKER.replace('echo "docker $*"', 'echo "docker $* ${LLM_TRADER_SANDBOX:-unset}"')
    dockered.provide("docker", noting)
    for simulates, seen in (("1", "1"), ("0", "unset")):
        result = dockered.run("restart", "--detach", SIMULATES=simulates)
        calls = [call.removeprefix("docker compose ") for call in result.called("compose (st|up)")]
        assert calls == [f"stop {seen}", f"up -d {seen}"]


def test_deploy_keeps_the_image_that_ran_builds_checks_and_starts(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", "--detach", CONTAINER_RUNS="false")
    assert result.status == 0, result.err
    assert docker_steps(result) == [
        "tag :latest :previous",
        "build --pull",
        "check",
        "stop",
        "check",
        "up -d",
        "announce",
    ]
    assert not result.called("decisions")
    assert dockered.run("deploy").called("decisions")


def test_a_first_deploy_has_no_image_to_keep(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", "--detach", NO_IMAGE="1")
    assert result.status == 0
    assert not result.called("docker tag")


def test_a_build_that_fails_leaves_what_runs(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", BUILD_FAILS="1", CONTAINER_RUNS="true")
    assert result.status == 1
    assert "nothing was changed" in result.err
    assert not result.called("compose stop")


def test_an_image_that_refuses_the_settings_is_not_the_next_to_start(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", BAD_SETTINGS="2", CONTAINER_RUNS="true")
    assert result.status == 2
    assert docker_steps(result)[-1] == "tag :previous :latest"
    assert not result.called("compose stop")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"CONTAINER_RUNS": "true", "ANSWERS_ONCE_BACK": "1"},
            "runs again, on the image of before",
        ),
        ({"CONTAINER_RUNS": "true"}, "the BOT IS NOT RUNNING"),
        ({"CONTAINER_RUNS": "false"}, "the bot is not running, as before"),
        ({"CONTAINER_RUNS": "true", "NO_IMAGE": "1"}, "There is none, so the BOT IS NOT RUNNING"),
    ],
)
def test_an_image_that_does_not_come_up_is_taken_back(
    dockered: Project, changes: dict[str, str], told: str
) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", NEVER_ANSWERS="1", **changes)
    assert result.status == 1
    assert told in result.err
    assert result.called("compose logs --tail 30")
    if "NO_IMAGE" not in changes:
        assert "tag :previous :latest" in docker_steps(result)


@pytest.mark.parametrize("command", ["restore", "setup", "migrate"])
def test_what_writes_settings_works_on_the_files_as_their_owner(
    dockered: Project, command: str
) -> None:
    complete_env_file(dockered)
    result = dockered.run(command, "x")
    assert result.called(f"--user {os.getuid()}:.* -w /project .* -m llm_modules.cli {command} x")


def test_going_live_is_agreed_on_the_files_and_starts_the_container(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("live", "--amount", "5")
    assert result.called("-w /project .* -m llm_modules.cli live --no-start --amount 5")
    assert result.called("compose up -d")
    result = dockered.run("live", "--withdraw")
    assert result.called("llm_modules.cli live --withdraw")
    assert not result.called("compose up")


def test_restore_is_refused_while_the_container_runs(dockered: Project) -> None:
    result = dockered.run("restore", "x", CONTAINER_RUNS="true")
    assert result.status == 1
    assert not result.called("cli restore")


def test_move_keys_works_on_the_files_as_their_owner(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("move-keys")
    user = f"{os.getuid()}:{os.getgid()}"
    assert result.called(f"--user {user} -v {dockered.folder}:/project -w /project")


@pytest.mark.parametrize(
    ("here", "there", "status", "said"),
    [
        ("sha256:aa", "sha256:aa", 0, "up to date"),
        ("sha256:aa", "sha256:bb", 1, "registry sha256:bb: ./manage.sh deploy"),
        ("sha256:aa", "", 0, "the registry cannot be asked"),
        ("", "", 0, "is not on this machine yet"),
    ],
)
def test_version_compares_the_image_and_survives_being_offline(
    dockered: Project, here: str, there: str, status: int, said: str
) -> None:
    result = dockered.run("version", HERE=here, THERE=there)
    assert result.status == status
    assert "freqtradeorg/freqtrade:2026.9" in result.out
    assert said in result.out
    assert dockered.run("version", HERE=here, THERE=there, BOT_STATUS="1").status == 1


def test_compose_of_either_age_serves(dockered: Project) -> None:
    dockered.provide("docker-compose", DOCKER.replace('echo "docker', 'echo "docker-compose'))
    assert dockered.run("stop", COMPOSE_MISSING="1").called("docker-compose down")


def test_docker_without_compose_is_told(dockered: Project) -> None:
    result = dockered.run("stop", COMPOSE_MISSING="1")
    assert result.status == 1
    assert "neither 'docker compose' nor docker-compose" in result.err


def test_the_tests_run_in_docker_only_where_there_is_no_python(dockered: Project) -> None:
    assert dockered.run("test").calls[-1].startswith("python -m pytest")
    (dockered.bin / "python3.12").unlink()
    result = dockered.run("test", "-k", "x", NIGHTLY="1")
    assert result.called(r"docker build --file Dockerfile\.custom --target test")
    assert result.called(r"docker run --rm --env NIGHTLY=1 freqtrade-llm-test -k x")
