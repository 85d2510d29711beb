#!/usr/bin/env bash
# The one entrance to the bot: a menu without argument, else ./manage.sh COMMAND [OPTIONS].
# It only chooses between Docker and a native virtual environment and installs what is locked;
# what a command does is in user_data/strategies/llm_modules/cli. Runs on bash 3.2 (macOS).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

SERVICE=freqtrade-llm
HALT=user_data/HALT
VENV=.venv
EXTRA_MARKER='# === extra: anthropic ==='
TEST_MARKER='# === test tools ==='
OLDEST='import sys; sys.exit(sys.version_info < (3, 11))'

# Byte-code saves ten seconds of every start; some environments switch it off.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPATH=user_data/strategies

# shellcheck source=tools/docker.sh
. tools/docker.sh
# shellcheck source=tools/deploy.sh
. tools/deploy.sh

help_text() { cat tools/commands.txt; }

# What is not explained there does not exist.
is_command() { # WORD
    case "$1" in
        '' | *[!a-z-]*) return 1 ;;
    esac
    grep -q -e "^  $1\$" -e "^  $1 [A-Z[]" tools/commands.txt
}

# The program behind a command, and its first argument where it has several.
module_of() { # COMMAND
    case "$1" in
        sandbox | selftest | report) echo "llm_modules.$1" ;;
        prompt) echo llm_modules.preview ;;
        backtest | lookahead) echo "llm_modules.backtest $1" ;;
        *) echo "llm_modules.cli $1" ;;
    esac
}

say() { printf '%s\n' "$*"; }

die() { # STATUS MESSAGE
    printf '%s\n' "$2" >&2
    exit "$1"
}

# --- native: a virtual environment from the lock file ---------------------------------------

# A name on the PATH proves nothing (pyenv puts dead ones there): it has to run.
find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if "$name" -c "$OLDEST" >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    find_venv_again
    "$VENV/bin/python" -c "$OLDEST" >/dev/null 2>&1 && return
    may_install
    if command -v uv >/dev/null 2>&1; then
        python=$(find_python) || python='>=3.11'
        uv venv --quiet --clear --python "$python" "$VENV" ||
            die 1 "uv could not make a virtual environment."
        return
    fi
    python=$(find_python) ||
        die 1 "Python 3.11 or newer is needed and none was found; install it, or uv, or Docker."
    "$python" -m venv --clear "$VENV" ||
        die 1 "$python could not make a virtual environment (on Debian: apt install python3-venv)."
}

install_locked() { # REQUIREMENTS
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$VENV/bin/python" --no-deps --require-hashes -r "$1"
        return
    fi
    "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip >/dev/null
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --no-deps --require-hashes -r "$1"
}

# Of somebody else's environment every tool says something else, and none of it helps.
may_install() {
    local place=$PWD/$VENV who
    [ -e "$place" ] || place=$PWD
    who=$(id -un 2>/dev/null) || who=$(id -u)
    [ -w "$place" ] || die 1 "$who may not change $place, where the packages are installed: run \
this as the user it belongs to, or give the project to yourself (sudo chown -R $who $PWD)."
}

ensure_venv() { # runtime|test
    local lock_sum installed wanted=$1
    make_venv
    # Anthropic's models speak through a library of their own; the others need none of it.
    [ "$1" = runtime ] && names_anthropic && wanted=anthropic
    lock_sum=$(cksum < requirements.lock)
    installed=$(cat "$VENV/.installed" 2>/dev/null) || installed=nothing
    # A larger install serves for the smaller ones too.
    case "$wanted $installed" in
        *" test $lock_sum" | "$wanted $wanted $lock_sum" | "runtime anthropic $lock_sum") return ;;
    esac
    may_install
    say "Installing the locked packages into $VENV (once) ..."
    case "$wanted" in
        test) cp requirements.lock "$VENV/requirements.txt" ;;
        anthropic) sed "/^$TEST_MARKER/,\$d" requirements.lock > "$VENV/requirements.txt" ;;
        *) sed "/^$EXTRA_MARKER/,\$d" requirements.lock > "$VENV/requirements.txt" ;;
    esac
    install_locked "$VENV/requirements.txt" || die 1 "The installation failed, see above."
    # Some packages ship files that are no Python; those alone stay uncompiled.
    "$VENV/bin/python" -m compileall -q -j 0 "$VENV"/lib/python3*/site-packages >/dev/null 2>&1 || true
    printf '%s' "$wanted $lock_sum" > "$VENV/.installed"
}

# In comments too, where it does no harm.
names_anthropic() {
    grep -q 'anthropic"' user_data/config.json 2>/dev/null
}

native() { # MODULE ARGUMENTS
    ensure_venv runtime
    exec "$VENV/bin/python" -m "$@"
}

# Its file alone halts, whatever else is broken; the command that follows adds who and why.
halt_at_once() { # REASON
    local reason
    # As JSON, with nothing but the shell: no other program may be missing here.
    reason=${*//[[:cntrl:]]/ }
    reason=${reason//\\/\\\\}
    reason=${reason//\"/\\\"}
    [ -e "$HALT" ] || [ -L "$HALT" ] ||
        printf '{"reason": "%s", "at": "%s", "by": "manage.sh"}' "$reason" \
            "$(date -u +%Y-%m-%dT%H:%M:%SZ)" 2>/dev/null > "$HALT" || return 0
    say "$HALT is there: the bot opens nothing any more and closes what is open."
}

# --- commands ------------------------------------------------------------------------------

check_settings() { # OPTIONS OF start
    local option options=''
    for option in "$@"; do
        [ "$option" = --detach ] || options="$options $option"
    done
    # Words without blanks: flags and port numbers.
    # shellcheck disable=SC2086
    "$VENV/bin/python" -m llm_modules.cli check $options >/dev/null
}

native_command() { # COMMAND ARGUMENTS
    local command=$1 module
    read -r -a module <<< "$(module_of "$command")"
    shift
    case "$command" in
        deploy) deploy_native "$@" ;;
        *) native "${module[@]}" "$@" ;;
    esac
}

run_tests() { # PYTEST OPTIONS
    if use_docker && ! find_python >/dev/null; then
        docker build --file Dockerfile.custom --target test --tag "$SERVICE-test" .
        docker run --rm --env "NIGHTLY=${NIGHTLY:-}" "$SERVICE-test" "$@"
        return
    fi
    ensure_venv test
    # Three workers on two cores: many tests wait for programs they start. A file of tests stays on
    # one of them, in order: the end-to-end tests share one running bot.
    # (Groups of tests would do the same, but pytest-xdist 3.8 loses them under pytest 9.)
    exec "$VENV/bin/python" -m pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"
}

menu() {
    local choice
    cat <<'EOF'
  1  Start        (快速启动)
  2  Restart      (快速重启)
  3  Deploy       (完整部署)
  4  Logs         (查看容器日志)
  5  Decisions    (查看 LLM 决策日志)
  6  Trades       (查看交易经验日志)
  7  Clean        (清理日志和数据库)
  8  Version      (检查镜像版本)
  9  Stop         (停止服务)

  Others (其他): setup doctor status report backtest backup restore ... ./manage.sh --help
  In an emergency: ./manage.sh halt closes every position and opens nothing until resume.
EOF
    read -r -p 'Number, or Enter to leave: ' choice || choice=
    case "$choice" in
        1) main start ;;
        2) main restart ;;
        3) main deploy ;;
        4) main logs ;;
        5) main decisions ;;
        6) main trades ;;
        7) main clean ;;
        8) main version ;;
        9) main stop ;;
        '') ;;
        *) die 2 "There is no item $choice." ;;
    esac
}

main() { # COMMAND ARGUMENTS
    local command=$1 argument
    shift
    case "$command" in
        help | -h | --help)
            help_text
            return
            ;;
    esac
    [ "$command" = halt ] || is_command "$command" ||
        die 2 "There is no command $command; ./manage.sh --help lists them."
    for argument in "$@"; do
        # What follows freqtrade is Freqtrade's, its help too.
        [ "$command" != freqtrade ] || break
        case "$argument" in
            -h | --help)
                help_text | sed -n "/^  $command\$/,/^\$/p; /^  $command [A-Z[]/,/^\$/p"
                return
                ;;
        esac
    done
    [ "$command" != halt ] || halt_at_once "$@"
    case "$command" in
        test) run_tests "$@" ;;
        lock) exec tools/lock.sh "$@" ;;
        *)
            # Whatever is typed after halt is its reason, also what looks like an option; after
            # freqtrade it is Freqtrade's.
            case "$command" in
                halt | freqtrade) set -- -- "$@" ;;
            esac
            if use_docker; then docker_command "$command" "$@"; else native_command "$command" "$@"; fi
            ;;
    esac
}

if [ $# -gt 0 ]; then
    main "$@"
elif [ -t 0 ] && [ -t 1 ]; then
    menu
else
    help_text >&2
    exit 2
fi
