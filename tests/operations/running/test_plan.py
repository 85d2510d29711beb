import json
import re
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ports
from builders import NOON
from llm_modules.config import parse_config
from llm_modules.errors import ConfigError, UserError
from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, write_clearance
from llm_modules.gate.consent import CONSENT_NAME, Consent, subjects, write_consent
from llm_modules.llm.providers.findings import Findings
from llm_modules.llm.recorder import provider_hash
from llm_modules.operations.places import PROJECT, SHIPPED_USER_DATA, Places, shown
from llm_modules.operations.records.journals import current_settings, journals_of
from llm_modules.operations.running.plan import (
    EXCHANGE_PORT,
    MODEL_PORT,
    Plan,
    Program,
    Wishes,
    free_port,
    is_free,
    make_plan,
)
from llm_modules.operations.settings import guarded_api
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from probes import a_finding

NAMED_MODEL = {
    "FREQTRADE__LLM_CONFIG__MODEL": "qwen3",
    "FREQTRADE__LLM_CONFIG__API_BASE": "http://127.0.0.1:11434",
    "LLM_API_KEY": "canary-key",
}
ACCOUNT = {"FREQTRADE__EXCHANGE__KEY": "canary-a", "FREQTRADE__EXCHANGE__SECRET": "canary-b"}


@pytest.fixture
def api_port() -> int:
    return ports.free_port()


@pytest.fixture
def taken_port() -> Any:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def freqtrade_of(plan: Plan) -> Program:
    return plan.programs[-1]


def option(program: Program, name: str) -> list[str]:
    pairs = zip(program.command, program.command[1:], strict=False)
    return [value for flag, value in pairs if flag == name]


def test_without_a_model_it_is_the_sandbox(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(api_port=api_port))
    assert plan.mode == "sandbox"
    assert [program.name for program in plan.programs] == ["sandbox", "freqtrade"]


def test_with_a_model_it_is_a_dry_run_of_freqtrade_alone(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, {**api_secrets, **NAMED_MODEL}, Wishes(api_port=api_port))
    assert plan.mode == "dry_run"
    assert [program.name for program in plan.programs] == ["freqtrade"]
    assert option(freqtrade_of(plan), "-c") == [str(places.settings)]
    assert freqtrade_of(plan).environment["LLM_API_KEY"] == "canary-key"


def clear(places: Places) -> None:
    """Leave behind what a passed selftest leaves."""
    risk = parse_config(read_settings(places.settings)).risk_management
    write_clearance(places.user_data / CLEARANCE_NAME, clearance_fingerprint(risk), NOON)


def consent(places: Places, environment: Mapping[str, str]) -> None:
    """Leave behind what someone leaves who typed the amount at risk."""
    settings = merged(read_settings(places.settings), environment_settings(environment))
    given_for = subjects(parse_config(settings), settings, places.user_data)
    given = Consent(amount=Decimal(950), currency="USDT", given_for=given_for, at=NOON)
    write_consent(places.user_data / CONSENT_NAME, given)


def test_real_money_needs_a_selftest_that_passed_for_these_limits(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, **NAMED_MODEL, **ACCOUNT, "FREQTRADE__DRY_RUN": "false"}
    wishes = Wishes(api_port=api_port)
    with pytest.raises(ConfigError, match=r"not passed yet: run \./manage\.sh selftest"):
        make_plan(places, environment, wishes)
    clear(places)
    consent(places, environment)
    assert make_plan(places, environment, wishes).mode == "live"
    other = environment | {"FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE": "9"}
    with pytest.raises(ConfigError, match="for other limits"):
        make_plan(places, other, wishes)


def test_real_money_needs_somebody_who_consented_to_this_very_bot(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, **NAMED_MODEL, **ACCOUNT, "FREQTRADE__DRY_RUN": "false"}
    wishes = Wishes(api_port=api_port)
    clear(places)
    with pytest.raises(ConfigError, match=r"nobody has consented .*run \./manage\.sh live"):
        make_plan(places, environment, wishes)
    consent(places, environment)
    assert make_plan(places, environment, wishes).mode == "live"
    another_key = environment | {"FREQTRADE__EXCHANGE__KEY": "canary-c"}
    with pytest.raises(ConfigError, match="the exchange or its key changed") as refused:
        make_plan(places, another_key, wishes)
    assert "canary" not in str(refused.value)


def test_simulated_money_needs_no_consent(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, **NAMED_MODEL}
    assert make_plan(places, environment, Wishes(api_port=api_port)).mode == "dry_run"


def test_real_money_is_called_live(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    clear(places)
    environment = {**api_secrets, **NAMED_MODEL, **ACCOUNT, "FREQTRADE__DRY_RUN": "false"}
    consent(places, environment)
    plan = make_plan(places, environment, Wishes(api_port=api_port))
    assert plan.mode == "live"


def test_each_mode_has_a_database_of_its_own(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    clear(places)
    wishes = Wishes(api_port=api_port)
    real = {**api_secrets, **NAMED_MODEL}
    live = {**real, **ACCOUNT, "FREQTRADE__DRY_RUN": "false"}
    consent(places, live)
    plans = [make_plan(places, environment, wishes) for environment in (api_secrets, real, live)]
    assert [option(freqtrade_of(plan), "--db-url") for plan in plans] == [
        [f"sqlite:///{places.user_data}/tradesv3.{name}"]
        for name in ("sandbox.sqlite", "dryrun.sqlite", "sqlite")
    ]


def test_nothing_that_leads_out_of_the_sandbox_is_handed_to_it(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    outside = {**NAMED_MODEL, **ACCOUNT, "FREQTRADE__DRY_RUN": "false"}
    environment = {**api_secrets, **outside, "FREQTRADE__MAX_OPEN_TRADES": "2"}
    plan = make_plan(places, environment, Wishes(sandbox=True, api_port=api_port))
    assert plan.mode == "sandbox"
    for program in plan.programs:
        assert not (set(outside) - {"FREQTRADE__DRY_RUN"}) & set(program.environment)
        assert program.environment.get("FREQTRADE__DRY_RUN") != "false"
        assert "canary-key" not in program.environment.values()
        assert program.environment["FREQTRADE__MAX_OPEN_TRADES"] == "2"


def test_the_env_file_counts_and_the_environment_counts_more(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    places.env_file.write_text("LLM_API_KEY=from-file\nOTHER=from-file\n", encoding="utf-8")
    environment = {**api_secrets, **NAMED_MODEL}
    plan = make_plan(places, environment, Wishes(api_port=api_port))
    assert freqtrade_of(plan).environment["LLM_API_KEY"] == "canary-key"
    assert freqtrade_of(plan).environment["OTHER"] == "from-file"


def test_an_empty_variable_does_not_erase_a_setting(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, "FREQTRADE__STAKE_CURRENCY": ""}
    plan = make_plan(places, environment, Wishes(api_port=api_port))
    assert "FREQTRADE__STAKE_CURRENCY" not in freqtrade_of(plan).environment


def test_chosen_ports_reach_overlay_servers_and_freqtrade(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(True, 20001, 20002, api_port))
    sandbox, freqtrade = plan.programs
    assert sandbox.ready_ports == (20001, 20002)
    assert option(sandbox, "--exchange-port") == ["20001"]
    assert option(sandbox, "--model-port") == ["20002"]
    overlay = Path(option(freqtrade, "-c")[1])
    assert overlay == places.run / "config.sandbox.json"
    ports = set(re.findall(r"127\.0\.0\.1:(\d+)", json.dumps(read_settings(overlay))))
    assert ports == {"20001", "20002"}
    assert freqtrade.environment["FREQTRADE__API_SERVER__LISTEN_PORT"] == str(api_port)
    assert plan.api_port == api_port


def test_the_usual_ports_use_the_overlay_as_it_is(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(True, EXCHANGE_PORT, MODEL_PORT, api_port))
    assert option(freqtrade_of(plan), "-c")[1] == str(places.sandbox_overlay)
    assert not places.run.exists()


def test_a_taken_api_port_is_told_with_the_way_out(
    places: Places, api_secrets: Mapping[str, str], taken_port: int
) -> None:
    with pytest.raises(UserError, match=f"port {taken_port} is taken.*--api-port"):
        make_plan(places, api_secrets, Wishes(api_port=taken_port))


def test_a_taken_usual_port_is_replaced_by_a_free_one(taken_port: int, api_port: int) -> None:
    assert is_free(taken_port) is False
    assert free_port(taken_port) != taken_port
    assert free_port(api_port) == api_port


def test_a_key_in_the_settings_stops_the_plan(
    places: Places, api_secrets: Mapping[str, str]
) -> None:
    text = places.settings.read_text(encoding="utf-8")
    text = text.replace('"api_key": ""', '"api_key": "sk-canary"')
    places.settings.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\./manage\.sh move-keys") as caught:
        make_plan(places, api_secrets, Wishes())
    assert "canary" not in str(caught.value)


def test_wrong_settings_stop_the_plan_also_where_the_sandbox_replaces_them(
    places: Places, api_secrets: Mapping[str, str]
) -> None:
    text = places.settings.read_text(encoding="utf-8").replace('"temperature": 0.6', '"temp": 1')
    places.settings.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"llm_config\.temp: unknown key"):
        make_plan(places, api_secrets, Wishes())


def test_an_overlay_that_is_not_dry_is_refused(
    places: Places, api_secrets: Mapping[str, str]
) -> None:
    overlay = places.user_data / "config.sandbox.json"
    text = overlay.read_text(encoding="utf-8").replace('"dry_run": true', '"dry_run": false')
    overlay.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="the sandbox needs dry_run true"):
        make_plan(places, {**api_secrets, **ACCOUNT}, Wishes())


def test_a_bot_of_its_own_folder_keeps_everything_there(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(api_port=api_port))
    sandbox, freqtrade = plan.programs
    block = "FREQTRADE__EXPERIENCE_CONFIG__"
    decisions = places.logs / "llm_decisions.jsonl"
    trades = places.logs / "trade_experience.jsonl"
    assert freqtrade.environment[f"{block}DECISION_LOG_PATH"] == str(decisions)
    assert freqtrade.environment[f"{block}TRADE_LOG_PATH"] == str(trades)
    assert option(freqtrade, "--userdir") == [str(places.user_data)]
    assert option(freqtrade, "--logfile") == [str(places.freqtrade_log)]
    assert option(sandbox, "--anchor-file") == [str(places.run / "sandbox.json")]
    assert option(sandbox, "--data-dir") == [str(SHIPPED_USER_DATA / "data")]


def test_the_code_is_always_the_projects_own(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(api_port=api_port))
    strategies = str(SHIPPED_USER_DATA / "strategies")
    assert option(freqtrade_of(plan), "--strategy-path") == [strategies]
    for program in plan.programs:
        assert program.environment["PYTHONPATH"] == strategies
        assert program.command[:2] == (sys.executable, "-m")


def test_byte_code_is_written_whatever_the_environment_says(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, "PYTHONDONTWRITEBYTECODE": "1"}
    plan = make_plan(places, environment, Wishes(api_port=api_port))
    assert "PYTHONDONTWRITEBYTECODE" not in freqtrade_of(plan).environment


def test_the_projects_own_bot_needs_no_other_journals_than_configured(
    api_secrets: Mapping[str, str], api_port: int
) -> None:
    plan = make_plan(
        Places(SHIPPED_USER_DATA), api_secrets, Wishes(True, EXCHANGE_PORT, MODEL_PORT, api_port)
    )
    named = [name for name in freqtrade_of(plan).environment if "EXPERIENCE_CONFIG" in name]
    assert named == []


def test_the_projects_own_bot_journals_where_the_settings_say() -> None:
    shipped = Places(SHIPPED_USER_DATA)
    settings = {"experience_config": {"decision_log_path": "./elsewhere/d.jsonl"}}
    assert journals_of(shipped, settings).decisions == PROJECT / "elsewhere" / "d.jsonl"
    assert journals_of(shipped, {}).trades == SHIPPED_USER_DATA / "logs" / "trade_experience.jsonl"


def test_another_bot_keeps_only_the_configured_names(places: Places) -> None:
    settings = {"experience_config": {"decision_log_path": "/elsewhere/d.jsonl"}}
    assert journals_of(places, settings).decisions == places.logs / "d.jsonl"


def test_unreadable_settings_still_tell_the_usual_journals(places: Places) -> None:
    places.settings.write_text("{", encoding="utf-8")
    settings = current_settings(places, {})
    assert settings == {}
    assert journals_of(places, settings).decisions == places.logs / "llm_decisions.jsonl"


def test_a_folder_of_data_of_its_own_is_preferred(places: Places) -> None:
    (places.user_data / "data").mkdir()
    (places.user_data / "data" / "BTC_USDT_USDT-1m-futures.feather").touch()
    assert places.market_data == places.user_data / "data"
    (places.user_data / "config.sandbox.json").unlink()
    assert places.sandbox_overlay == SHIPPED_USER_DATA / "config.sandbox.json"


def test_secrets_lie_beside_the_folder_and_not_inside(places: Places) -> None:
    assert places.env_file.parent == places.user_data.parent
    assert Places(SHIPPED_USER_DATA).env_file == PROJECT / ".env"


def test_a_path_is_shown_from_the_project_where_it_lies_inside(tmp_path: Path) -> None:
    assert shown(SHIPPED_USER_DATA / "config.json") == "user_data/config.json"
    assert shown(tmp_path / "x") == str(tmp_path / "x")


def test_a_bot_that_is_about_to_be_replaced_keeps_its_ports(
    places: Places, api_secrets: Mapping[str, str], taken_port: int
) -> None:
    plan = make_plan(places, api_secrets, Wishes(api_port=taken_port, keeps_ports=True))
    assert plan.api_port == taken_port
    servers = " ".join(plan.programs[0].command)
    assert str(EXCHANGE_PORT) in servers
    assert str(MODEL_PORT) in servers


def test_a_model_that_makes_one_call_at_a_time_is_not_started_with_all_pairs(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    """A restart must not end a bot that trades for one that cannot start."""
    environment = {
        **api_secrets,
        **NAMED_MODEL,
        "FREQTRADE__LLM_CONFIG__API_BASE": "http://127.0.0.1:9999",
        "FREQTRADE__LLM_CONFIG__ASKING__SCOPE": "portfolio",
    }
    wishes = Wishes(api_port=api_port)
    assert make_plan(places, environment, wishes).mode == "dry_run"
    server = provider_hash("http://127.0.0.1:9999")
    now = datetime.now(UTC)
    found = a_finding(server=server, model="qwen3", at=now, several_calls=False)
    Findings(places.findings).keep(found)
    with pytest.raises(ConfigError, match="qwen3 answers with one tool call at a time"):
        make_plan(places, environment, wishes)


@pytest.mark.parametrize("wishes", [{"sandbox": True}, {}])
def test_freqtrade_is_always_told_that_money_is_simulated(
    places: Places, api_secrets: Mapping[str, str], api_port: int, wishes: Any
) -> None:
    environment = {**api_secrets, **NAMED_MODEL}
    plan = make_plan(places, environment, Wishes(api_port=api_port, **wishes))
    assert freqtrade_of(plan).environment["FREQTRADE__DRY_RUN"] == "true"


def test_a_doubled_prefix_makes_nothing_live(
    places: Places, api_secrets: Mapping[str, str], api_port: int
) -> None:
    environment = {**api_secrets, **NAMED_MODEL, "FREQTRADE__FREQTRADE__DRY_RUN": "false"}
    with pytest.raises(ConfigError, match="FREQTRADE__FREQTRADE__DRY_RUN holds"):
        make_plan(places, environment, Wishes(api_port=api_port))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CCXT_CONFIG__apiKey", r"exchange\.ccxt_config\.apiKey: a credential here wins"),
        ("CCXT_SYNC_CONFIG__api_key", r"exchange\.ccxt_sync_config\.api_key: a credential"),
        ("CCXT_ASYNC_CONFIG__twofa", r"exchange\.ccxt_async_config\.twofa: a credential"),
        ("API_KEY", r"exchange\.api_key: stands beside key: keep one spelling"),
    ],
)
def test_no_other_account_than_the_checked_one_can_be_slipped_in(
    places: Places, api_secrets: Mapping[str, str], api_port: int, name: str, said: str
) -> None:
    environment = {**api_secrets, **NAMED_MODEL, **ACCOUNT, f"FREQTRADE__EXCHANGE__{name}": "other"}
    with pytest.raises(ConfigError, match=said) as refused:
        make_plan(places, environment, Wishes(api_port=api_port))
    assert "'other'" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PASSWORD": "freqtrader"}, "password is an example that everybody knows"),
        ({"WS_TOKEN": "short"}, "ws_token is too short"),
        ({"LISTEN_IP_ADDRESS": "0.0.0.0"}, "listen_ip_address is '0.0.0.0'"),  # noqa: S104
    ],
)
def test_real_money_is_never_traded_with_an_api_that_others_could_use(
    places: Places,
    api_secrets: Mapping[str, str],
    api_port: int,
    monkeypatch: pytest.MonkeyPatch,
    changes: Mapping[str, str],
    said: str,
) -> None:
    monkeypatch.setattr(guarded_api, "CONTAINER_MARKS", ())
    others = {f"FREQTRADE__API_SERVER__{name}": text for name, text in changes.items()}
    simulated = {**api_secrets, **NAMED_MODEL, **ACCOUNT, **others}
    assert make_plan(places, simulated, Wishes(api_port=api_port)).mode == "dry_run"
    live = {**simulated, "FREQTRADE__DRY_RUN": "false"}
    clear(places)
    consent(places, live)
    with pytest.raises(ConfigError, match=f"dry_run is false, but api_server.{said}"):
        make_plan(places, live, Wishes(api_port=api_port))
