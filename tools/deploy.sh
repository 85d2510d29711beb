#!/usr/bin/env bash
# ./manage.sh deploy, read in by manage.sh: build or install, check, swap, and back when the new
# one does not come up. Killed at any moment it leaves one that runs; the next deploy tidies.
# shellcheck disable=SC2154 # VENV is that of manage.sh

USUAL_VENV=$VENV
NEW_VENV=.venv.new
OLD_VENV=.venv.old

# Killed between two renames: what ran before is whole, under its other name.
find_venv_again() {
    [ -d "$USUAL_VENV" ] || [ ! -d "$OLD_VENV" ] || mv "$OLD_VENV" "$USUAL_VENV"
}

# Killed before the new one had come up: unless it has since, what ran before counts.
tidy_native_deploy() {
    find_venv_again
    if [ -d "$OLD_VENV" ] && ! cli kept-options >/dev/null 2>&1; then
        rm -rf "$NEW_VENV"
        mv "$VENV" "$NEW_VENV"
        mv "$OLD_VENV" "$VENV"
    fi
    rm -rf "$NEW_VENV" "$OLD_VENV"
}

cli() { "$VENV/bin/python" -m llm_modules.cli "$@"; }

# Scripts in an environment name their interpreter, and it is about to move.
point_scripts_to() { # ENVIRONMENT
    local script
    for script in "$1"/bin/*; do
        if [ -f "$script" ] && [ ! -L "$script" ] && grep -q -I "$NEW_VENV" "$script"; then
            sed "s#/$NEW_VENV#/$VENV#g" "$script" > "$script.moved"
            cat "$script.moved" > "$script"
            rm -f "$script.moved"
        fi
    done
}

# Words without blanks: flags and port numbers.
# shellcheck disable=SC2086
go_back_native() { # WHAT HAPPENED
    trap '' INT TERM HUP
    say "$1: going back to what was installed before ..." >&2
    if [ -d "$OLD_VENV" ]; then
        [ ! -x "$VENV/bin/python" ] || cli stop >/dev/null 2>&1 || true
        [ ! -d "$VENV" ] || mv "$VENV" "$NEW_VENV"
        mv "$OLD_VENV" "$VENV"
    fi
    rm -rf "$NEW_VENV"
    [ -n "$BOT_RAN" ] || die 1 "Nothing was changed, and the bot is not running, as before."
    cli start --detach $START_OPTIONS ||
        die 1 "That does not come up either, so the BOT IS NOT RUNNING: ./manage.sh logs says why."
    die 1 "The bot runs again, on what was installed before. The code in user_data/strategies is \
not taken back: with git, check out the commit that ran."
}

# shellcheck disable=SC2086
deploy_native() { # OPTIONS OF start
    local option options='' follow=1
    for option in "$@"; do
        if [ "$option" = --detach ]; then follow=''; else options="$options $option"; fi
    done
    tidy_native_deploy
    BOT_RAN=''
    START_OPTIONS=$options
    if [ -x "$VENV/bin/python" ] && option=$(cli kept-options 2>/dev/null); then
        BOT_RAN=1
        START_OPTIONS="$option $options"
    fi
    # The old one runs on meanwhile.
    trap 'rm -rf "$NEW_VENV"; say "Nothing was changed; what ran before runs on." >&2' EXIT
    trap 'die 1 "Interrupted."' INT TERM HUP
    VENV=$NEW_VENV
    ensure_venv runtime
    # Before the stop: a typo must not leave positions without their bot.
    check_settings $START_OPTIONS || exit $?
    VENV=$USUAL_VENV
    point_scripts_to "$NEW_VENV"
    trap 'go_back_native Interrupted' INT TERM HUP
    trap - EXIT
    if [ -d "$VENV" ]; then
        cli stop
        mv "$VENV" "$OLD_VENV"
    fi
    mv "$NEW_VENV" "$VENV"
    cli start --detach $START_OPTIONS || go_back_native "The new one did not come up"
    trap - INT TERM HUP
    rm -rf "$OLD_VENV"
    [ -z "$follow" ] || native llm_modules.cli decisions
}
