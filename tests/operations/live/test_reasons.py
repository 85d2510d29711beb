"""Each reason that keeps a bot from real money, tried alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import NOON
from fake_binance import KEY, SECRET
from llm_modules.config import parse_config
from llm_modules.gate.halt import HALT_NAME, HaltNote, write_note
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, DoctorOptions
from llm_modules.operations.doctor.exchange_answer import AccountBalance, ExchangeAnswer, KeyRights
from llm_modules.operations.live.reasons import Evidence, reasons_against
from llm_modules.operations.session import Session
from llm_modules.operations.settings import guarded_api
from llm_modules.operations.settings.reading import merged, read_settings

SAFE = KeyRights(
    reads=True,
    trades_futures=True,
    withdraws=False,
    moves_funds=False,
    is_bound_to_addresses=True,
)
WELL = ExchangeAnswer(balance=AccountBalance(total=434.21, free=434.21), rights=SAFE)
READY = {
    "dry_run": False,
    "llm_config": {"model": "m", "api_base": "http://127.0.0.1:9/v1"},
    "exchange": {"key": KEY, "secret": SECRET},
    "api_server": {
        "password": f"k{'0a' * 32}",
        "jwt_secret_key": f"k{'1b' * 32}",
        "ws_token": f"k{'2c' * 32}",
    },
}
NO_MODEL = {"model": "", "api_base": ""}
Look = Callable[..., list[str]]


@pytest.fixture
def look(session: Session) -> Look:
    """Reasons against a bot that is ready but for some settings, or some evidence."""

    def reasons(settings: dict[str, Any] | None = None, **changes: Any) -> list[str]:
        own = read_settings(session.places.settings)
        whole = merged(merged(own, READY), settings or {})
        limits = parse_config(whole).risk_management
        case = Case(session, DoctorOptions(), settings=whole, limits=limits)
        evidence = Evidence(case, (), WELL, no_clearance=None)
        return reasons_against(replace(evidence, **changes))

    return reasons


def only(reasons: list[str]) -> str:
    (one,) = reasons
    return one


def test_a_bot_that_is_ready_has_no_reason_against_it(look: Look) -> None:
    assert look() == []


def test_all_reasons_are_told_at_once(look: Look) -> None:
    settings = {
        "dry_run": True,
        "llm_config": NO_MODEL,
        "stoploss": 0,
        "api_server": {"password": "freqtrader"},
    }
    rights = SAFE.model_copy(update={"withdraws": True})
    answer = ExchangeAnswer(rights=rights)
    assert len(look(settings, answer=answer, no_clearance="never passed")) == 7


@pytest.mark.parametrize("dry_run", [True, None, "false", 0])
def test_the_settings_must_ask_for_real_money_themselves(look: Look, dry_run: Any) -> None:
    assert only(look({"dry_run": dry_run})).startswith("dry_run is not false: set")


def test_a_sandbox_cannot_go_live(look: Look) -> None:
    reason = only(look({"llm_config": NO_MODEL}, answer=None))
    assert reason.startswith("no model is named")


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("api_server.password", "", "empty"),
        ("api_server.password", "freqtrader", "an example that everybody knows"),
        ("api_server.password", "SuperSecurePassword", "an example that everybody knows"),
        ("api_server.password", "11-letters.", "too short, expected at least 12"),
        ("api_server.jwt_secret_key", "somethingRandomSomethingRandom123", "an example"),
        ("api_server.jwt_secret_key", "x" * 31, "too short, expected at least 32"),
        ("api_server.ws_token", "tiny-token", "too short, expected at least 16"),
        ("exchange.key", "", "empty"),
        ("exchange.key", "your_exchange_key", "an example that everybody knows"),
        ("exchange.secret", "YOUR_EXCHANGE_SECRET", "an example that everybody knows"),
        ("exchange.secret", "123456789012345", "too short, expected at least 16"),
    ],
)
def test_a_credential_that_can_be_guessed_is_none(
    look: Look, key: str, text: str, problem: str
) -> None:
    block, name = key.split(".")
    reason = only(look({block: {name: text}}))
    assert reason.startswith(f"{key} is {problem}")
    variable = f"FREQTRADE__{block}__{name}".upper()
    assert reason.endswith(f"put another into .env as {variable}")
    assert not text or text not in reason


def test_the_user_name_is_no_password(look: Look) -> None:
    twice = {"username": "a-long-user-name", "password": "a-long-user-name"}
    assert "the user name again" in only(look({"api_server": twice}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stoploss": None}, "stoploss is None"),
        ({"stoploss": 0}, "stoploss is 0"),
        ({"stoploss": 0.1}, "stoploss is 0.1"),
        ({"stoploss": -1}, "stoploss is -1"),
        ({"stoploss": True}, "stoploss is True"),
        ({"use_custom_stoploss": False}, "use_custom_stoploss is off"),
        ({"order_types": {"entry": "market"}}, "order_types is set without"),
        ({"order_types": {"stoploss_on_exchange": False}}, "order_types is set without"),
        ({"risk_management": {"max_stop_pct": 25.5}}, "max_stop_pct is 25.5"),
    ],
)
def test_without_a_stop_there_is_no_real_money(
    look: Look, settings: dict[str, Any], words: str
) -> None:
    assert words in only(look(settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"stoploss": -0.99},
        {"stoploss": -0.01},
        {"use_custom_stoploss": True},
        {"order_types": {"stoploss_on_exchange": True}},
        {"risk_management": {"max_stop_pct": 25}},
    ],
)
def test_a_stop_that_is_one_is_accepted(look: Look, settings: dict[str, Any]) -> None:
    assert look(settings) == []


def test_a_key_that_may_withdraw_is_refused_whoever_checked_it(look: Look) -> None:
    answer = WELL.model_copy(update={"rights": SAFE.model_copy(update={"withdraws": True})})
    assert "may withdraw" in only(look(answer=answer))
    assert "may withdraw" in only(look(answer=answer, rights_checked=True))


def test_rights_that_cannot_be_read_need_somebody_who_looked(look: Look) -> None:
    answer = WELL.model_copy(update={"rights": None})
    assert "--rights-checked" in only(look(answer=answer))
    assert look(answer=answer, rights_checked=True) == []


def test_what_is_at_risk_has_to_be_known(look: Look) -> None:
    unknown = WELL.model_copy(update={"balance": None})
    assert "balance could not be read" in only(look(answer=unknown))
    empty = WELL.model_copy(update={"balance": AccountBalance(total=0, free=0)})
    assert only(look(answer=empty)) == "there is no USDT in the futures account"


def test_the_selftest_must_have_passed(look: Look) -> None:
    assert only(look(no_clearance="it never passed")) == "it never passed"


def test_a_halt_is_looked_at_first(look: Look, session: Session) -> None:
    note = HaltNote(reason="odd fills", at=NOON, by="me")
    write_note(session.places.user_data / HALT_NAME, note)
    reason = only(look())
    assert reason.startswith("halted: in every mode: odd fills (by me")
    assert reason.endswith("./manage.sh resume")


def test_what_doctor_failed_at_is_a_reason_and_what_it_warns_of_is_none(look: Look) -> None:
    found = (
        Diagnosis("fail", "journals", "trades", "NOT SOUND\x1b[2J", "./manage.sh verify"),
        Diagnosis("warn", "machine", "disk", "0.5 GB free"),
        Diagnosis("fail", "risk gate", "selftest", "told apart"),
    )
    assert only(look(found=found)) == "doctor: journals, trades: NOT SOUND [2J"


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.2", "", "example.org"])  # noqa: S104
def test_an_api_that_others_reach_is_a_reason(
    look: Look, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(guarded_api, "CONTAINER_MARKS", ())
    settings = {"api_server": {"listen_ip_address": address}}
    assert only(look(settings)).startswith(f"api_server.listen_ip_address is {address!r}: others")
    # Docker says for whom the port of its container is.
    monkeypatch.setattr(guarded_api, "CONTAINER_MARKS", (Path(__file__),))
    assert look(settings) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_an_api_of_this_machine_alone_is_none(
    look: Look, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(guarded_api, "CONTAINER_MARKS", ())
    assert look({"api_server": {"listen_ip_address": address}}) == []
