import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from prompt_toolkit.input import PipeInput

from llm_modules.errors import ConfigError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import bot_lock
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.editing import with_value
from llm_modules.operations.settings.env_file import GENERATED, read_env_file
from llm_modules.operations.settings.located import comments_in
from llm_modules.operations.settings.reading import parse_text, read_settings, read_text, value_at
from llm_modules.operations.setup.answers import Answers
from llm_modules.operations.setup.profiles import PROFILES
from llm_modules.operations.setup.wizard import SetupOptions, setup

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ENTER, DOWN, CTRL_C, CTRL_D, WIPE = "\r", "j", "\x03", "\x04", "\x15"
TOKEN = "123456789:canary-canary-canary"
MODEL = {"provider": "deepseek", "model": "deepseek-v4-flash"}


def setting(places: Places, key: str) -> Any:
    return value_at(read_settings(places.settings), key)


def put(places: Places, key: str, value: object) -> None:
    text = with_value(read_text(places.settings), tuple(key.split(".")), value)
    places.settings.write_text(text, encoding="utf-8")


# --- by flags -------------------------------------------------------------------------------


def test_flags_alone_connect_a_model(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_text(places.settings)
    status = set_up(
        secrets={"LLM_API_KEY": "canary-key"},
        **MODEL,
        pairs=["BTC/USDT:USDT,SOL/USDT:USDT"],
        timeframe="15m",
        wallet=250,
        risk="careful",
    )
    assert status is ExitStatus.DONE
    settings = read_settings(places.settings)
    assert settings["llm_config"] | MODEL == settings["llm_config"]
    assert settings["exchange"]["pair_whitelist"] == ["BTC/USDT:USDT", "SOL/USDT:USDT"]
    assert (settings["timeframe"], settings["dry_run_wallet"]) == ("15m", 250)
    assert settings["risk_management"] | PROFILES["careful"] == settings["risk_management"]
    assert settings["max_open_trades"] == PROFILES["careful"]["max_open_trades"]
    assert settings["dry_run"] is True
    assert comments_in(read_text(places.settings)) == comments_in(before)
    variables = read_env_file(places.env_file)
    assert variables["LLM_API_KEY"] == "canary-key"
    assert all(variables[name] for name in GENERATED)
    assert stat.S_IMODE(places.env_file.stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert "canary" not in said
    assert said.splitlines()[-1] == "Next: ./manage.sh doctor"


def test_what_changes_is_shown_and_secrets_only_as_set(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("timeframe", "model", timeframe="1h", secrets={"LLM_API_KEY": "canary-1"}, **MODEL)
    set_up("model", secrets={"LLM_API_KEY": "canary-2"})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["timeframe", "30m", "1h"] in rows
    assert ["llm_config.provider", "none", "deepseek"] in rows
    assert ["LLM_API_KEY", "not", "set", "set"] in rows
    assert ["FREQTRADE__API_SERVER__PASSWORD", "not", "set", "made", "at", "random"] in rows
    assert ["LLM_API_KEY", "set", "changed"] in rows


def test_the_sandbox_needs_nothing_and_is_started_next(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = places.settings.read_bytes()
    assert set_up("model", provider="sandbox") is ExitStatus.DONE
    assert places.settings.read_bytes() == before
    assert capsys.readouterr().out.splitlines()[-1] == "Next: ./manage.sh start"


def test_a_second_run_with_the_same_flags_writes_nothing(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(**MODEL, risk="free")
    before = places.settings.read_bytes(), places.env_file.read_bytes()
    assert set_up(**MODEL, risk="free") is ExitStatus.DONE
    assert (places.settings.read_bytes(), places.env_file.read_bytes()) == before
    assert "Everything is so already; nothing was written." in capsys.readouterr().out


def test_former_files_are_kept_for_the_owner_only(places: Places, set_up: Any) -> None:
    before = places.settings.read_bytes()
    set_up("timeframe", timeframe="1h")
    set_up("timeframe", timeframe="4h")
    kept = sorted(path.name for path in places.backups.iterdir())
    assert kept == ["20260115T120000Z-2.config.json", "20260115T120000Z.config.json"]
    assert (places.backups / kept[1]).read_bytes() == before
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in places.backups.iterdir())


def test_an_open_secrets_file_is_closed(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("model")
    places.env_file.chmod(0o644)
    set_up("model")
    assert stat.S_IMODE(places.env_file.stat().st_mode) == 0o600
    assert "will be readable by you only" in capsys.readouterr().out


def test_unknown_settings_and_other_lines_of_both_files_stay(places: Places, set_up: Any) -> None:
    put(places, "coingecko", {"is_demo": True})
    places.env_file.write_text("# mine\nOTHER='a b' # why\nLLM_API_KEY=old\n", encoding="utf-8")
    set_up("model", secrets={"LLM_API_KEY": "new"}, **MODEL)
    assert setting(places, "coingecko.is_demo") is True
    text = read_text(places.env_file)
    assert text.startswith("# mine\nOTHER='a b' # why\nLLM_API_KEY=new\n")


@pytest.mark.parametrize(
    ("before", "then", "key"),
    [
        (MODEL, {"provider": "openai", "model": "gpt-5"}, ""),
        (MODEL, {"provider": "compatible", "api_base": "http://10.0.0.1/v1", "model": "m"}, ""),
        (MODEL, {"model": "deepseek-v4-pro"}, "canary"),
        (MODEL, {"provider": "sandbox"}, "canary"),
        ({"api_base": "http://h/v1", "model": "m"}, {"api_base": "http://h/v1/"}, "canary"),
        ({"api_base": "http://h/v1", "model": "m"}, {"api_base": "http://i/v1"}, ""),
    ],
)
def test_a_key_stays_with_the_server_it_was_given_for(
    before: Any, then: Any, key: str, places: Places, set_up: Any
) -> None:
    set_up("model", secrets={"LLM_API_KEY": "canary"}, **before)
    set_up("model", **then)
    assert read_env_file(places.env_file)["LLM_API_KEY"] == key


def test_a_missing_key_is_told(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "no key for deepseek yet: ./manage.sh setup --only model"
    set_up("model", **MODEL)
    assert note in capsys.readouterr().out
    with places.env_file.open("a", encoding="utf-8") as file:
        file.write("DEEPSEEK_API_KEY=k\n")
    set_up("model", **MODEL)
    assert note not in capsys.readouterr().out
    set_up("model", provider="ollama", model="qwen3")
    assert "no key" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "server"),
    [
        (MODEL, ("deepseek", "", "deepseek-v4-flash")),
        ({**MODEL, "api_base": "https://api.deepseek.com"}, ("deepseek", "", MODEL["model"])),
        (
            {"api_base": "http://10.0.0.1/v1", "model": "m"},
            ("compatible", "http://10.0.0.1/v1", "m"),
        ),
        ({"api_base": "https://api.openai.com/v1", "model": "m"}, ("openai", "", "m")),
        (
            {"provider": "vllm", "api_base": "http://h/v1", "model": "m"},
            ("vllm", "http://h/v1", "m"),
        ),
        ({"provider": "sandbox"}, ("", "", "")),
    ],
)
def test_the_server_is_named_as_shortly_as_can_be(
    flags: Any, server: Any, places: Places, set_up: Any
) -> None:
    set_up("model", **flags)
    block = read_settings(places.settings)["llm_config"]
    assert (block["provider"], block["api_base"], block["model"]) == server


def test_a_server_known_by_its_address_stays_so(places: Places, set_up: Any) -> None:
    put(places, "llm_config.api_base", "https://api.deepseek.com/v1")
    put(places, "llm_config.model", "m")
    set_up("model", model="n")
    block = read_settings(places.settings)["llm_config"]
    assert (block["provider"], block["api_base"]) == ("", "https://api.deepseek.com/v1")


def test_a_provider_nobody_knows_can_be_left(places: Places, set_up: Any) -> None:
    put(places, "llm_config.provider", "opena")
    put(places, "llm_config.model", "m")
    with pytest.raises(ConfigError, match=r"llm_config\.provider: found 'opena'"):
        set_up("timeframe", timeframe="1h")
    set_up("model", **MODEL)
    assert setting(places, "llm_config.provider") == "deepseek"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"provider": "openai"}, "no model is named: --model NAME"),
        ({"provider": "vllm", "model": "m"}, "name its address, --api-base URL"),
        ({"model": "m"}, "name its server too, with --provider, one of openai, deepseek"),
    ],
)
def test_what_a_server_needs_is_told(flags: Any, told: str, places: Places, set_up: Any) -> None:
    with pytest.raises(ConfigError, match=told):
        set_up("model", **flags)
    assert not places.env_file.exists()


def test_keys_of_an_exchange_are_put_away_and_leave_with_it(places: Places, set_up: Any) -> None:
    names = "FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"
    set_up("exchange", secrets=dict.fromkeys(names, "canary"))
    assert [read_env_file(places.env_file)[name] for name in names] == ["canary", "canary"]
    set_up("exchange", exchange="bybit")
    assert setting(places, "exchange.name") == "bybit"
    assert [read_env_file(places.env_file)[name] for name in names] == ["", ""]


def test_telegram_is_switched_on_and_off(places: Places, set_up: Any) -> None:
    names = "FREQTRADE__TELEGRAM__TOKEN", "FREQTRADE__TELEGRAM__CHAT_ID"
    set_up("telegram", telegram=False)
    assert setting(places, "telegram") is None
    set_up("telegram", secrets=dict(zip(names, (TOKEN, "-100123"), strict=True)))
    assert setting(places, "telegram") == {"enabled": True}
    assert '    "telegram": {"enabled": true},      // its token' in read_text(places.settings)
    assert [read_env_file(places.env_file)[name] for name in names] == [TOKEN, "-100123"]
    set_up("telegram", telegram=False)
    assert setting(places, "telegram") == {"enabled": False}
    set_up("telegram", telegram=True)
    assert setting(places, "telegram") == {"enabled": True}


def test_telegram_without_a_token_is_refused(places: Places, set_up: Any) -> None:
    before = places.settings.read_bytes()
    with pytest.raises(ConfigError, match=r"telegram\.token: missing"):
        set_up("telegram", telegram=True)
    assert places.settings.read_bytes() == before
    assert not places.env_file.exists()


def test_telegram_goes_to_the_end_where_there_is_no_api(places: Places, set_up: Any) -> None:
    secrets = {"FREQTRADE__TELEGRAM__TOKEN": TOKEN, "FREQTRADE__TELEGRAM__CHAT_ID": "1"}
    text = read_text(places.settings).replace('"api_server"', '"api_servers"')
    places.settings.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="api_server") as caught:
        set_up("telegram", secrets=secrets)
    assert "telegram" not in str(caught.value)


def test_a_result_that_no_start_would_accept_is_told_and_not_written(
    places: Places, set_up: Any
) -> None:
    put(places, "risk_management.max_open_trades", 0)
    before = places.settings.read_bytes()
    with pytest.raises(ConfigError, match=r"risk_management\.max_open_trades: found 0"):
        set_up("timeframe", timeframe="1h")
    assert places.settings.read_bytes() == before
    assert not places.env_file.exists()
    assert not places.backups.exists()


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_variable_that_would_overrule_the_answer_is_named(
    place: str, places: Places, session: Session, set_up: Any
) -> None:
    if place == "file":
        places.env_file.write_text("FREQTRADE__TIMEFRAME=5m\n", encoding="utf-8")
        run = set_up
    else:
        own = replace(session, environment={"FREQTRADE__TIMEFRAME": "5m"})

        def run(*topics: str, **flags: Any) -> ExitStatus:
            options = SetupOptions(flags, {}, topics, asks=False, confirmed=True)
            return setup(own, options, NOW)

    with pytest.raises(
        ConfigError, match=r"timeframe: FREQTRADE__TIMEFRAME in \.env or the environ"
    ):
        run("timeframe", timeframe="1h")
    assert run("timeframe", timeframe="5m") is ExitStatus.DONE


def test_a_secret_in_the_settings_is_moved_first(places: Places, set_up: Any) -> None:
    put(places, "exchange.key", "canary")
    with pytest.raises(ConfigError, match="move-keys") as caught:
        set_up("timeframe", timeframe="1h")
    assert "canary" not in str(caught.value)


def test_real_money_is_said_and_never_chosen(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    put(places, "dry_run", False)
    secrets = dict.fromkeys(("FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"), "k")
    set_up("exchange", secrets=secrets)
    assert "Note: dry_run is false, this bot trades REAL MONEY." in capsys.readouterr().out
    assert setting(places, "dry_run") is False


def test_a_bot_that_runs_has_to_be_restarted(
    places: Places, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with bot_lock(places):
        set_up("timeframe", timeframe="1h")
    assert "then ./manage.sh restart for the bot that runs" in capsys.readouterr().out


def test_who_declines_has_nothing_written(
    places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    class Declining(Screen):
        def agreed(self, question: str = "", *, enter: bool = False) -> bool:
            assert (question, enter) == ("Write this? [Y/n] ", True)
            return False

    before = places.settings.read_bytes()
    options = SetupOptions({"timeframe": "1h"}, {}, ["timeframe"], asks=False, confirmed=False)
    declined = setup(replace(session, screen=Declining()), options, NOW)
    assert declined is ExitStatus.FAILED
    assert places.settings.read_bytes() == before
    assert not places.env_file.exists()
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing was written."


@pytest.mark.parametrize("columns", ["40", "72", "200"])
def test_names_stay_readable_on_any_terminal(
    columns: str, session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    options = SetupOptions({"risk": "free"}, {}, ["risk"], asks=False, confirmed=True)
    setup(replace(session, screen=Screen()), options, NOW)
    table, _, _ = re.sub("\x1b[^m]*m", "", capsys.readouterr().out).partition("Written")
    assert max(len(line.rstrip()) for line in table.splitlines()) <= int(columns)
    joined = "".join(table.split())
    assert ("risk_management.cooldown_candles_after_loss" in joined) is (columns != "40")


# --- by questions ---------------------------------------------------------------------------


def test_enter_to_everything_keeps_everything(
    places: Places, set_up: Any, keyboard: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    before = places.settings.read_bytes()
    # Sandbox, exchange, no account, pairs, timeframe, wallet, risk, no Telegram.
    keyboard.send_text(ENTER * 8)
    assert set_up(asks=True) is ExitStatus.DONE
    assert places.settings.read_bytes() == before
    assert capsys.readouterr().out.startswith("Enter keeps what is there")


def test_every_question_has_an_answer(places: Places, set_up: Any, keyboard: PipeInput) -> None:
    typed = [
        *(DOWN, DOWN, DOWN, ENTER),  # qwen
        ENTER,  # at its usual address
        *("qwen3-max", ENTER),
        *("canary-key", ENTER),
        *(WIPE, "bybit", ENTER),
        *("y", "canary-exchange", ENTER, "canary-secret", ENTER),
        *(WIPE, "BTC/USDT:USDT ADA/USDT:USDT", ENTER),
        *(DOWN, ENTER),  # an hour
        *(WIPE, "99.5", ENTER),
        *(DOWN, ENTER),  # free
        *("y", TOKEN, ENTER, "-100123", ENTER),
    ]
    keyboard.send_text("".join(typed))
    assert set_up(asks=True) is ExitStatus.DONE
    settings = read_settings(places.settings)
    block = settings["llm_config"]
    assert (block["provider"], block["api_base"], block["model"]) == ("qwen", "", "qwen3-max")
    assert settings["exchange"]["name"] == "bybit"
    assert settings["exchange"]["pair_whitelist"] == ["BTC/USDT:USDT", "ADA/USDT:USDT"]
    assert (settings["timeframe"], settings["dry_run_wallet"]) == ("1h", 99.5)
    assert settings["risk_management"]["max_leverage"] == PROFILES["free"]["max_leverage"]
    assert settings["telegram"] == {"enabled": True}
    variables = read_env_file(places.env_file)
    assert [value for value in variables.values() if "canary" in value] == [
        "canary-key", "canary-exchange", "canary-secret", TOKEN,
    ]  # fmt: skip


def test_one_thing_is_changed_alone(places: Places, set_up: Any, keyboard: PipeInput) -> None:
    keyboard.send_text(WIPE + "ETH/USDT:USDT" + ENTER)
    set_up("pairs", asks=True)
    assert setting(places, "exchange.pair_whitelist") == ["ETH/USDT:USDT"]


def test_a_wrong_answer_is_asked_again(places: Places, set_up: Any, keyboard: PipeInput) -> None:
    keyboard.send_text(WIPE + "nothing" + ENTER + WIPE + "300" + ENTER)
    set_up("wallet", asks=True)
    assert setting(places, "dry_run_wallet") == 300


def test_a_wrong_secret_is_asked_again(places: Places, set_up: Any, keyboard: PipeInput) -> None:
    keyboard.send_text(ENTER + ENTER + "two words" + ENTER + WIPE + "one" + ENTER)
    put(places, "llm_config.provider", "deepseek")
    put(places, "llm_config.model", "m")
    set_up("model", asks=True)
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "one"


def test_a_key_that_is_there_is_kept_by_enter(
    places: Places, set_up: Any, keyboard: PipeInput
) -> None:
    set_up("model", secrets={"LLM_API_KEY": "canary"}, **MODEL)
    keyboard.send_text(ENTER * 3)
    set_up("model", asks=True)
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "canary"


def test_a_flag_answers_its_question_and_the_others_are_asked(
    places: Places, set_up: Any, keyboard: PipeInput
) -> None:
    keyboard.send_text("m" + ENTER + "canary" + ENTER)
    set_up("model", asks=True, provider="openai")
    assert setting(places, "llm_config.model") == "m"


def test_limits_of_ones_own_are_a_choice(places: Places, set_up: Any, keyboard: PipeInput) -> None:
    put(places, "risk_management.max_leverage", 7)
    keyboard.send_text(ENTER)
    set_up("risk", asks=True)
    assert setting(places, "risk_management.max_leverage") == 7


def test_a_strange_timeframe_or_wallet_does_not_stop_the_question(
    places: Places, set_up: Any, keyboard: PipeInput
) -> None:
    put(places, "timeframe", "31m")
    put(places, "dry_run_wallet", {"USDT": 5})
    put(places, "exchange.pair_whitelist", "all")
    keyboard.send_text("BTC/USDT:USDT" + ENTER * 3)
    set_up("pairs", "timeframe", "wallet", asks=True)
    assert (setting(places, "timeframe"), setting(places, "dry_run_wallet")) == ("30m", 1000)


@pytest.mark.parametrize(
    ("key", "before"),
    [*((CTRL_C, before) for before in range(11)), *((CTRL_D, before) for before in (0, 1, 3, 5))],
)
def test_every_question_can_be_left(
    key: str, before: int, places: Places, set_up: Any, keyboard: PipeInput,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    answers = [
        *(DOWN * 7 + ENTER, "http://h/v1" + ENTER, "m" + ENTER, ENTER),
        *(ENTER, "n", ENTER, ENTER, ENTER, ENTER, ENTER),
    ]
    settings = places.settings.read_bytes()
    keyboard.send_text("".join(answers[:before]) + key)
    assert set_up(asks=True) is ExitStatus.FAILED
    assert places.settings.read_bytes() == settings
    assert not places.env_file.exists()
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing was written."


# --- files that cannot be written -----------------------------------------------------------


def test_a_missing_right_leaves_both_files_as_they_were(places: Places, set_up: Any) -> None:
    places.backups.write_text("no folder", encoding="utf-8")
    before = places.settings.read_bytes()
    with pytest.raises(UserError, match=r"nothing was changed: .*backups cannot be written"):
        set_up("model", secrets={"LLM_API_KEY": "canary"}, **MODEL)
    assert places.settings.read_bytes() == before
    assert not places.env_file.exists()


def test_secrets_are_not_shown_by_what_holds_them(session: Session) -> None:
    held = {"LLM_API_KEY": "canary"}
    assert "canary" not in repr(SetupOptions({}, held, [], asks=False, confirmed=True))
    assert "canary" not in repr(Answers(secrets=held))


def test_what_is_written_reads_as_settings(places: Places, set_up: Any) -> None:
    set_up(**MODEL, risk="careful", wallet=12.5)
    parse_text(read_text(places.settings), "config.json")
    assert set(read_env_file(places.env_file)) == set(GENERATED)
