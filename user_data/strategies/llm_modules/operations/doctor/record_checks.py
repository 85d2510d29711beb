"""The part of `doctor` that looks at what was written down: journals, tape and database."""

from collections.abc import Iterator
from datetime import UTC, datetime

from llm_modules.journal.checking import ChainReport
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis
from llm_modules.operations.records.auditing import Audit, audit
from llm_modules.operations.records.verifying import UNDER_WAY, sources_of

JOURNALS = "journals"
VERIFY = "./manage.sh verify names each"


def journals_are_sound(case: Case) -> Iterator[Diagnosis]:
    """Hold journals, tape and database against each other, as `verify` does."""
    try:
        found = audited(case)
    except OSError as error:
        sentence = f"{error.filename or 'a journal'} cannot be read: {error.strerror}"
        yield Diagnosis("fail", JOURNALS, "all", sentence)
        return
    yield _chain("decisions", found.decision_chain)
    yield _chain("trades", found.trade_chain)
    yield _together(found)


def audited(case: Case) -> Audit:
    """Check everything that was written down. Raises OSError for an unreadable journal."""
    screen = case.session.screen

    def progress(file: str, count: int) -> None:
        if not case.options.json:
            screen.progress(f"{file}: {count:,} lines ")

    return audit(sources_of(case.session), datetime.now(UTC) - UNDER_WAY, progress, 1)


def _chain(subject: str, report: ChainReport) -> Diagnosis:
    if report.faults:
        sentence = f"NOT SOUND: {len(report.faults):,} faults in {report.lines:,} lines"
        return Diagnosis("fail", JOURNALS, subject, sentence, VERIFY)
    lines = f"{report.lines:,} lines, sound" if report.lines else "none yet"
    return Diagnosis("ok", JOURNALS, subject, lines)


def _together(found: Audit) -> Diagnosis:
    subject = "tape, database"
    if found.findings.faults:
        sentence = f"{found.findings.faults:,} things do not fit the journals"
        return Diagnosis("fail", JOURNALS, subject, sentence, VERIFY)
    records = sum(found.records.values())
    sentence = f"fit {records:,} records of trades and {found.attempts:,} questions on the tape"
    return Diagnosis("ok", JOURNALS, subject, sentence)
