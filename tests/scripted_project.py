"""manage.sh in a project of its own, where every program it could call is a stand-in."""

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What the script may take from the system; nothing else is on its PATH.
SYSTEM_TOOLS = [
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "date",
    "dirname",
    "env",
    "grep",
    "head",
    "id",
    "mv",
    "rm",
    "sed",
]
LOCK = """\
runtime==1 \\
    --hash=sha256:00

# === extra: anthropic ===

extra==1 \\
    --hash=sha256:22

# === test tools ===

tool==1 \\
    --hash=sha256:11
"""

PYTHON = """#!/usr/bin/env bash
echo "python $*" >> "$CALLS"
case "$*" in
    *"-m venv"*)
        mkdir -p "${!#}/bin" "${!#}/lib/python3.11/site-packages"
        cp "$0" "${!#}/bin/python"
        printf '#!%s/%s/bin/python\n' "$PWD" "${!#}" > "${!#}/bin/freqtrade" ;;
    *kept-options*) [ -n "${KEPT+x}" ] || exit 3; echo "$KEPT" ;;
    *"cli start"*) [ -z "${INTERRUPT:-}" ] || kill -INT $PPID
        [ -n "${NEVER_COMES_UP:-}" ] || exit "${BOT_STATUS:-0}"
        ! grep -q -e "$NEVER_COMES_UP" .venv/requirements.txt ;;
    *"-m pip --version"*) exit "${PIP_MISSING:-0}" ;;
    *"-m llm_modules"*) exit "${BOT_STATUS:-0}" ;;
esac
"""
UV = """#!/usr/bin/env bash
echo "uv $*" >> "$CALLS"
case "$*" in
    venv*)
        mkdir -p "${!#}/bin" "${!#}/lib/python3.11/site-packages"
        cp "$FAKE_PYTHON" "${!#}/bin/python" ;;
esac
"""
DOCKER = """#!/usr/bin/env bash
echo "docker $*" >> "$CALLS"
case "$*" in
    info) exit "${DOCKER_DOWN:-0}" ;;
    "compose version") exit "${COMPOSE_MISSING:-0}" ;;
    "inspect --format {{.State"*) echo "${CONTAINER_RUNS:-false}" ;;
    *complete-env*) cat; for name in PASSWORD JWT_SECRET_KEY WS_TOKEN; do
        echo "FREQTRADE__API_SERVER__$name=kcanary"; done; exit "${IMAGE_BROKEN:-0}" ;;
    *announce*)
        [ -n "${ANSWERS_ONCE_BACK:-}" ] && grep -q "tag freqtrade-llm:previous" "$CALLS" && exit 0
        exit "${NEVER_ANSWERS:-0}" ;;
    *"llm_modules.cli check"*) exit "${BAD_SETTINGS:-0}" ;;
    *"cli version"*) exit "${BOT_STATUS:-0}" ;;
    "inspect --format {{.Config.Env}}"*) echo "[A=b LLM_TRADER_SANDBOX=${SIMULATES:-0} C=d]" ;;
    "image inspect freqtrade-llm:"*) exit "${NO_IMAGE:-0}" ;;
    "image inspect"*) [ -n "${HERE:-}" ] && echo "freqtradeorg/freqtrade@$HERE" ;;
    *"build --pull"*) exit "${BUILD_FAILS:-0}" ;;
    "buildx imagetools"*) [ -n "${THERE:-}" ] && echo "$THERE" ;;
esac
"""


class Project:
    """A copy of the script, its stand-ins, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        (self.folder / "tools").mkdir(parents=True)
        self.bin.mkdir()
        self.calls_file.touch()
        for name in ("manage.sh", "Dockerfile.custom"):
            shutil.copy(ROOT / name, self.folder / name)
        for path in (ROOT / "tools").glob("*.*"):
            shutil.copy(path, self.folder / "tools")
        (self.folder / "requirements.lock").write_text(LOCK, encoding="utf-8")
        for name in (*SYSTEM_TOOLS, "mkdir"):
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def provide(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def environment(self, changes: dict[str, str]) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "CALLS": str(self.calls_file),
            "FAKE_PYTHON": str(self.bin / "python3.12"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **changes,
        }

    def run(self, *arguments: str, text: str = "", **changes: str) -> "Result":
        self.calls_file.write_text("", encoding="utf-8")
        completed = subprocess.run(  # noqa: S603 - the script under test
            [self.folder / "manage.sh", *arguments],
            cwd="/",
            env=self.environment(changes),
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self.calls_file.read_text(encoding="utf-8").splitlines()
        return Result(completed.returncode, completed.stdout, completed.stderr, calls)


class Result:
    """How a run of the script ended, what it said and what it called."""

    def __init__(self, status: int, out: str, err: str, calls: list[str]) -> None:
        self.status = status
        self.out = out
        self.err = err
        self.calls = calls

    def called(self, pattern: str) -> list[str]:
        return [call for call in self.calls if re.search(pattern, call)]


def halted(project: Project) -> Path:
    (project.folder / "user_data").mkdir(exist_ok=True)
    return project.folder / "user_data" / "HALT"
