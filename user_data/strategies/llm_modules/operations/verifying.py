"""`manage.sh verify`: whether every line of the journals is still what was written."""

from pathlib import Path

from llm_modules.journal.checking import ChainReport, check_chain
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

MOST_FAULTS = 20


def verify(session: Session) -> ExitStatus:
    """Follow the chain of both journals and say what does not fit."""
    journals = session.journals()
    sound = [_verify(path, session.screen) for path in (journals.decisions, journals.trades)]
    return ExitStatus.DONE if all(sound) else ExitStatus.FAILED


def _verify(path: Path, screen: Screen) -> bool:
    report = check_chain(path)
    screen.say(f"{shown(path)}: {_summary(report)}")
    for fault in report.faults[:MOST_FAULTS]:
        screen.complain(f"  {fault.file} line {fault.line}: {fault.kind}, {fault.text}")
    left = len(report.faults) - MOST_FAULTS
    if left > 0:
        screen.complain(f"  and {left} more")
    return report.is_sound


def _summary(report: ChainReport) -> str:
    if not report.lines:
        return "no lines"
    said = [f"{report.lines:,} lines, {'sound' if report.is_sound else 'NOT SOUND'}"]
    if report.unchained:
        said.append(f"the first {report.unchained:,} written before there was a chain")
    if report.let_go:
        said.append(f"let go up to line {report.let_go:,}")
    if report.torn:
        said.append(f"unfinished lines set aside: {', '.join(report.torn)}")
    if not report.is_sealed:
        said.append("without a seal, so the end cannot be checked")
    return "; ".join(said)
