"""The part of `doctor` that looks at the risk gate: selftest, halts, consent to real money."""

from collections.abc import Iterator

from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, missing_clearance
from llm_modules.gate.consent import CONSENT_NAME, missing_consent, subjects
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, Health
from llm_modules.operations.running.halting import halts

GATE = "risk gate"


def selftest_has_passed(case: Case) -> Iterator[Diagnosis]:
    """Tell whether the selftest has passed for the limits as they are; only live demands it."""
    if case.limits is None:
        return
    path = case.session.places.user_data / CLEARANCE_NAME
    missing = missing_clearance(path, clearance_fingerprint(case.limits))
    if missing is None:
        yield Diagnosis("ok", GATE, "selftest", "passed for these limits")
        return
    health: Health = "fail" if case.is_live else "ok" if case.is_sandbox else "warn"
    advice = "" if case.is_live else "Needed before real money only"
    yield Diagnosis(health, GATE, "selftest", missing, advice)


def nothing_is_halted(case: Case) -> Iterator[Diagnosis]:
    """Tell what halts trading; a bot starts halted, too."""
    found = halts(case.session.places)
    for name, words in found:
        yield Diagnosis("warn", GATE, name.lower(), words, "./manage.sh resume lifts it")
    if not found:
        yield Diagnosis("ok", GATE, "halts", "none")


def consent_is_given(case: Case) -> Iterator[Diagnosis]:
    """Tell whether someone consented to real money, where the settings ask for it."""
    if not case.is_live or case.config is None:
        return
    folder = case.session.places.user_data
    given_for = subjects(case.config, case.settings, folder)
    missing = missing_consent(folder / CONSENT_NAME, given_for)
    if missing is None:
        yield Diagnosis("ok", GATE, "consent", "given for this bot as it is")
    else:
        # No failure: ./manage.sh live looks at all this before it asks for consent.
        yield Diagnosis("warn", GATE, "consent", missing)
