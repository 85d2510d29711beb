import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]["freqtrade-llm"]
DOCKERFILE = (ROOT / "Dockerfile.custom").read_text(encoding="utf-8")
# Beside this interpreter in a virtual environment, on the PATH in an image.
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def test_there_is_one_service_under_a_fixed_name() -> None:
    assert list(yaml.safe_load(COMPOSE_TEXT)["services"]) == ["freqtrade-llm"]
    assert SERVICE["container_name"] == "freqtrade-llm"


def test_the_api_is_reachable_from_this_machine_only() -> None:
    assert SERVICE["ports"] == ["127.0.0.1:8086:8086"]
    listens = SERVICE["environment"]["FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS"]
    assert listens == "0.0.0.0"  # noqa: S104 - inside the container


def test_secrets_come_from_the_env_file_and_from_nowhere_else() -> None:
    assert SERVICE["env_file"] == [".env"]
    assert set(SERVICE["environment"]) == {
        "FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS",
        "LLM_TRADER_SANDBOX",
    }


def test_no_variable_that_is_not_set_becomes_an_empty_setting() -> None:
    assert ":-}" not in COMPOSE_TEXT
    assert SERVICE["environment"]["LLM_TRADER_SANDBOX"] == "${LLM_TRADER_SANDBOX:-0}"


def test_settings_and_code_are_mounted_read_only_over_a_writable_folder() -> None:
    volumes = SERVICE["volumes"]
    assert volumes[0] == "./user_data:/freqtrade/user_data"
    read_only = {volume.split(":")[0] for volume in volumes[1:]}
    assert all(volume.endswith(":ro") for volume in volumes[1:])
    assert {
        "./user_data/config.json",
        "./user_data/config.sandbox.json",
        "./user_data/strategies",
    } <= read_only
    for path in read_only:
        assert (ROOT / path).exists(), path


def test_it_comes_back_is_given_time_to_end_and_rotates_its_log() -> None:
    assert SERVICE["restart"] == "unless-stopped"
    assert SERVICE["stop_grace_period"] == "15s"
    assert SERVICE["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_a_model_on_the_host_can_be_named() -> None:
    assert SERVICE["extra_hosts"] == ["host.docker.internal:host-gateway"]


def test_the_container_cannot_gain_rights() -> None:
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICE
    assert "network_mode" not in SERVICE


def test_the_image_is_the_release_of_the_pinned_version() -> None:
    assert "FROM freqtradeorg/freqtrade:2026.9 AS bot" in DOCKERFILE
    assert SERVICE["build"] == {
        "context": ".",
        "dockerfile": "Dockerfile.custom",
        "target": "bot",
    }


def test_nothing_in_the_image_runs_as_root() -> None:
    users = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("USER ")]
    assert users == ["1000:1000"]


def test_the_health_check_pings_the_api() -> None:
    assert "HEALTHCHECK --interval=" in DOCKERFILE
    assert "http://127.0.0.1:8086/api/v1/ping" in DOCKERFILE


def test_the_image_runs_the_supervisor_and_installs_only_what_is_hashed() -> None:
    assert 'CMD ["python", "-m", "llm_modules.cli", "run"]' in DOCKERFILE
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert installs
    for line in installs:
        assert "--user" in line
        assert "--require-hashes" in line


def test_no_secret_and_no_journal_reaches_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "**/.*.new", ".git", ".venv", "user_data/logs", "user_data/backups"} <= set(
        ignored
    )


def test_hadolint_finds_nothing() -> None:
    completed = subprocess.run(  # noqa: S603 - a test tool of ours
        [
            str(shutil.which("hadolint", path=TOOLS)),
            "--failure-threshold",
            "style",
            ROOT / "Dockerfile.custom",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stdout == ""
    assert completed.returncode == 0


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose here")
def test_docker_compose_accepts_every_key(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / ".env").touch()
    completed = subprocess.run(
        ["docker-compose", "config", "-q"],  # noqa: S607 - where it is depends on the machine
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "LLM_TRADER_SANDBOX"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completed.stdout, completed.returncode) == ("", 0)
