"""What `doctor` says of the risk gate: selftest, halts, consent."""

from datetime import timedelta
from decimal import Decimal

import pytest

from builders import NOON
from examining import case_of
from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, write_clearance
from llm_modules.gate.consent import CONSENT_NAME, Consent, subjects, write_consent
from llm_modules.gate.halt import HALT_NAME, HaltNote, write_note
from llm_modules.operations.doctor.diagnosis import Case, no_exchange
from llm_modules.operations.doctor.gate_checks import (
    consent_is_given,
    nothing_is_halted,
    selftest_has_passed,
)
from llm_modules.operations.session import Session

MODEL = {"LLM_CONFIG__MODEL": "m", "LLM_CONFIG__API_BASE": "http://127.0.0.1:9/v1"}
LIVE = {**MODEL, "DRY_RUN": "false", "EXCHANGE__KEY": "key", "EXCHANGE__SECRET": "secret"}


def a_case(session: Session, **settings: str) -> Case:
    variables = {f"FREQTRADE__{name}": text for name, text in settings.items()}
    environment = {**session.environment, **variables}
    return case_of(Session(session.places, environment, session.screen), no_exchange)


def cleared(case: Case) -> None:
    assert case.limits is not None
    path = case.session.places.user_data / CLEARANCE_NAME
    write_clearance(path, clearance_fingerprint(case.limits), NOON)


@pytest.mark.parametrize(("settings", "health"), [({}, "ok"), (MODEL, "warn"), (LIVE, "fail")])
def test_a_selftest_that_never_passed_matters_most_where_money_does(
    session: Session, settings: dict[str, str], health: str
) -> None:
    (row,) = selftest_has_passed(a_case(session, **settings))
    assert row.health == health
    assert "has not passed yet" in row.sentence
    assert row.advice == ("" if health == "fail" else "Needed before real money only")


def test_a_selftest_counts_for_its_very_limits(session: Session) -> None:
    case = a_case(session, **LIVE)
    cleared(case)
    (row,) = selftest_has_passed(case)
    assert (row.health, row.sentence) == ("ok", "passed for these limits")
    (row,) = selftest_has_passed(a_case(session, **LIVE, RISK_MANAGEMENT__MAX_LEVERAGE="9"))
    assert row.health == "fail"
    assert "for other limits" in row.sentence


def test_without_usable_settings_there_are_no_limits(session: Session) -> None:
    assert list(selftest_has_passed(a_case(session, TIMEFRAME="7m"))) == []


def test_every_halt_is_told(session: Session) -> None:
    case = a_case(session)
    (row,) = nothing_is_halted(case)
    assert (row.health, row.sentence) == ("ok", "none")
    user_data = session.places.user_data
    note = HaltNote(reason="a look at it", at=NOON + timedelta(days=1), by="me")
    write_note(user_data / HALT_NAME, note)
    (user_data / "HALT.live").touch()
    first, second = nothing_is_halted(case)
    assert (first.health, first.subject) == ("warn", "halted")
    assert "in every mode: a look at it (by me" in first.sentence
    assert "in live" in second.sentence
    assert "./manage.sh resume" in second.advice


@pytest.mark.parametrize("settings", [{}, MODEL, {"TIMEFRAME": "7m"}, {"DRY_RUN": "false"}])
def test_consent_is_a_matter_of_real_money_only(session: Session, settings: dict[str, str]) -> None:
    assert list(consent_is_given(a_case(session, **settings))) == []


def test_consent_is_given_or_missing(session: Session) -> None:
    case = a_case(session, **LIVE)
    (row,) = consent_is_given(case)
    assert (row.health, "nobody has consented" in row.sentence) == ("warn", True)
    assert case.config is not None
    given_for = subjects(case.config, case.settings, case.session.places.user_data)
    consent = Consent(amount=Decimal(1), currency="USDT", given_for=given_for, at=NOON)
    write_consent(session.places.user_data / CONSENT_NAME, consent)
    (row,) = consent_is_given(case)
    assert row.health == "ok"
