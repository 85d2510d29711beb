#!/usr/bin/env bash
# Docker's side of manage.sh, which reads this in: one service, in its container or in one of its own.
# shellcheck disable=SC2154 # SERVICE and HALT are those of manage.sh

use_docker() {
    [ "${NATIVE:-}" != 1 ] && command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1
}

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    elif command -v docker-compose >/dev/null 2>&1; then
        docker-compose "$@"
    else
        die 1 "Docker runs, but neither 'docker compose' nor docker-compose is installed."
    fi
}

container_runs() {
    [ "$(docker inspect --format '{{.State.Running}}' "$SERVICE" 2>/dev/null)" = true ]
}

# In the running container where there is one, else in one of its own.
in_container() { # MODULE ARGUMENTS
    local options=''
    [ -t 0 ] && [ -t 1 ] || options=-T
    if container_runs; then
        compose exec ${options:+"$options"} "$SERVICE" python -m "$@"
    else
        compose run --rm ${options:+"$options"} "$SERVICE" python -m "$@"
    fi
}

# Compose wants .env to exist; what belongs in it is known inside the image.
ensure_env_file() {
    [ -f .env ] || (umask 077 && : > .env)
    chmod 600 .env
    grep -q '^FREQTRADE__API_SERVER__WS_TOKEN=.' .env && return
    (umask 077 && compose run --rm -T "$SERVICE" python -m llm_modules.cli complete-env \
        < .env > .env.new) || {
        rm -f .env.new
        die 1 "The image could not be built or run, see above."
    }
    mv .env.new .env
    say "Random secrets for the API were put into .env."
}

# What the running container simulates stays simulated.
keep_sandbox() { # OPTIONS OF start
    case " $* " in *' --sandbox '*) export LLM_TRADER_SANDBOX=1 ;; esac
    ! docker inspect --format '{{.Config.Env}}' "$SERVICE" 2>/dev/null |
        grep -q -w LLM_TRADER_SANDBOX=1 || export LLM_TRADER_SANDBOX=1
}

# What writes settings or secrets works on the files themselves, as the user they belong to.
on_the_files() { # COMMAND ARGUMENTS
    local options=''
    [ -t 0 ] && [ -t 1 ] || options=-T
    ensure_env_file
    compose run --rm ${options:+"$options"} --user "$(id -u):$(id -g)" -v "$PWD:/project" \
        -w /project -e PYTHONPATH=/project/user_data/strategies "$SERVICE" \
        python -m llm_modules.cli "$@"
}

start_container() { # [--detach] [--sandbox]
    local detach='' option
    for option in "$@"; do
        case "$option" in
            --detach) detach=1 ;;
            --sandbox) export LLM_TRADER_SANDBOX=1 ;;
            *) die 2 "start: unknown option $option" ;;
        esac
    done
    ensure_env_file
    if container_runs; then
        say "The bot is already running."
    else
        compose run --rm -T "$SERVICE" python -m llm_modules.cli check || exit $?
        compose up -d
    fi
    if ! compose exec -T "$SERVICE" python -m llm_modules.cli announce; then
        compose logs --tail 30 "$SERVICE"
        die 1 "The bot did not start, see above."
    fi
    [ -n "$detach" ] || in_container llm_modules.cli decisions
}

show_halts() {
    local file
    for file in "$HALT" "$HALT.sandbox" "$HALT.dry_run" "$HALT.live"; do
        if [ -e "$file" ] || [ -L "$file" ]; then
            say "Halted: $file is there, ./manage.sh resume shows why and lifts it."
        fi
    done
}

# Whether the registry still serves what is here; being offline is no failure.
compare_image() {
    local image here there
    image=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' Dockerfile.custom | head -n 1)
    here=$(docker image inspect --format '{{index .RepoDigests 0}}' "$image" 2>/dev/null) || here=
    there=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image" 2>/dev/null) ||
        there=
    if [ -z "$here" ]; then
        say "$image is not on this machine yet: ./manage.sh deploy"
    elif [ -z "$there" ]; then
        say "$image ${here#*@}, the registry cannot be asked"
    elif [ "${here#*@}" = "$there" ]; then
        say "$image $there, up to date"
    else
        say "$image here ${here#*@}, registry $there: ./manage.sh deploy"
        return 1
    fi
}

docker_command() { # COMMAND ARGUMENTS
    local command=$1 status=0 module
    read -r -a module <<< "$(module_of "$command")"
    shift
    case "$command" in
        start) start_container "$@" ;;
        restart)
            keep_sandbox "$@"
            compose run --rm -T "$SERVICE" python -m llm_modules.cli check >/dev/null || exit $?
            compose stop && start_container "$@"
            ;;
        deploy) deploy_docker "$@" ;;
        stop) compose down ;;
        status)
            container_runs || {
                show_halts
                die 3 "Not running. Start it with ./manage.sh start"
            }
            in_container llm_modules.cli status "$@"
            ;;
        flatten)
            container_runs || die 3 "The bot is not running, so nothing can be closed now: \
positions stay, with their stops. On a live exchange close them there by hand."
            in_container llm_modules.cli flatten "$@"
            ;;
        clean | restore | setup | migrate)
            ! container_runs || [ "$command" = setup ] || [ "$command" = migrate ] ||
                die 1 "The bot is running; ./manage.sh stop ends it."
            if [ "$command" = clean ]; then
                in_container llm_modules.cli clean "$@"
            else
                on_the_files "$command" "$@"
            fi
            ;;
        version)
            in_container llm_modules.cli version --pyproject /etc/llm-trader/pyproject.toml "$@" ||
                status=$?
            compare_image || status=1
            return "$status"
            ;;
        move-keys) on_the_files move-keys ;;
        live)
            case " $* " in
                *' --withdraw '* | *' --no-start '*) on_the_files live "$@" ;;
                *) on_the_files live --no-start "$@" && start_container ;;
            esac
            ;;
        *) in_container "${module[@]}" "$@" ;;
    esac
}

go_back_docker() { # WHAT HAPPENED
    trap '' INT TERM HUP
    say "$1: going back to the image of before ..." >&2
    compose stop || true
    docker image inspect "$SERVICE:previous" >/dev/null 2>&1 ||
        die 1 "There is none, so the BOT IS NOT RUNNING."
    docker tag "$SERVICE:previous" "$SERVICE:latest"
    [ -n "$BOT_RAN" ] || die 1 "Nothing was changed, and the bot is not running, as before."
    { compose up -d && compose exec -T "$SERVICE" python -m llm_modules.cli announce; } ||
        die 1 "That does not come up either, so the BOT IS NOT RUNNING: ./manage.sh logs says why."
    die 1 "The bot runs again, on the image of before."
}

deploy_docker() { # OPTIONS OF start
    local status
    keep_sandbox "$@"
    ensure_env_file
    BOT_RAN=''
    ! container_runs || BOT_RAN=1
    ! docker image inspect "$SERVICE:latest" >/dev/null 2>&1 ||
        docker tag "$SERVICE:latest" "$SERVICE:previous"
    compose build --pull || die 1 "The build failed; nothing was changed."
    compose run --rm -T "$SERVICE" python -m llm_modules.cli check >/dev/null || {
        status=$?
        ! docker image inspect "$SERVICE:previous" >/dev/null 2>&1 ||
            docker tag "$SERVICE:previous" "$SERVICE:latest"
        die "$status" "Nothing was changed; what ran before runs on."
    }
    trap 'go_back_docker Interrupted' INT TERM HUP
    compose stop
    (start_container --detach "$@") || go_back_docker "The new one did not come up"
    trap - INT TERM HUP
    case " $* " in
        *' --detach '*) ;;
        *) in_container llm_modules.cli decisions ;;
    esac
}
