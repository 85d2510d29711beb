"""`manage.sh verify`: whether journals, tape and Freqtrade's database tell the same story."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from llm_modules.journal.checking import ChainReport
from llm_modules.journal.cross_checking import StoredTrades
from llm_modules.journal.discrepancies import FAULTS, REMARKS, Discrepancy, Findings
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.records.auditing import Audit, Progress, Sources, audit
from llm_modules.operations.running.modes import DATABASES
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.viewing.render import printable

MOST_FAULTS = 20
# Of what is no fault: enough to see what is meant.
MOST_EXAMPLES = 3
# Between Freqtrade's commit and our record lies one loop of a thread, or a disk that was full.
UNDER_WAY = timedelta(minutes=2)


def verify(session: Session, now: datetime) -> ExitStatus:
    """Check everything against everything and say what does not fit; changes nothing."""
    sources, screen = sources_of(session), session.screen
    found = audit(sources, now - UNDER_WAY, _progress(screen), MOST_FAULTS)
    _show_chain(sources.decisions, found.decision_chain, screen)
    _show_chain(sources.trades, found.trade_chain, screen)
    for line in _counted(sources, found):
        screen.say(line)
    _show(found.findings, screen)
    if found.faults:
        screen.complain(f"NOT SOUND: {found.faults:,} faults, see above")
        return ExitStatus.FAILED
    unchecked = list(_unchecked(sources, found))
    if unchecked:
        screen.say(f"Nothing wrong was found, but not checked: {'; '.join(unchecked)}.")
    else:
        screen.say("Sound: every line is what was written, every id and every profit fits.")
    return ExitStatus.DONE


def sources_of(session: Session) -> Sources:
    """Return every file of a bot in which something is written down."""
    journals, user_data = session.journals(), session.places.user_data
    # Only a plain `false` counts: what is not set, or wrong, is the shipped setting.
    expects_records = value_at(session.settings(), "experience_config.log_trades") is not False
    return Sources(
        decisions=journals.decisions,
        trades=journals.trades,
        tape=journals.tape,
        databases={mode: user_data / name for mode, name in DATABASES.items()},
        expects_records=expects_records,
    )


def _progress(screen: Screen) -> Progress:
    return lambda file, count: screen.progress(f"{file}: {count:,} lines ")


def _show_chain(path: Path, report: ChainReport, screen: Screen) -> None:
    screen.say(f"{shown(path)}: {_chain_summary(report)}")
    for fault in report.faults[:MOST_FAULTS]:
        screen.complain(f"  {fault.file} line {fault.line}: {fault.kind}, {fault.text}")
    left = len(report.faults) - MOST_FAULTS
    if left > 0:
        screen.complain(f"  and {left:,} more")


def _chain_summary(report: ChainReport) -> str:
    if not report.lines and report.is_sound:
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


def _counted(sources: Sources, found: Audit) -> Iterator[str]:
    """Say what was compared with what, and what there was nothing to compare with."""
    for mode, path in sources.databases.items():
        records = found.records.get(mode, 0)
        stored = found.stored.get(mode)
        if stored is not None:
            yield f"{shown(path)}: {_trade_counts(stored)}; {records:,} records of mode {mode}"
        elif records:
            yield f"{shown(path)}: nothing to compare {records:,} records of mode {mode} with"
    named = f"{found.attempts:,} attempts named by {found.decisions:,} decisions and lessons"
    yield f"{shown(sources.tape)}: {named}"


def _unchecked(sources: Sources, found: Audit) -> Iterator[str]:
    """Say what could not be held against anything, because its counterpart is not there."""
    for mode, records in found.records.items():
        if mode not in found.stored:
            yield f"{records:,} profits of mode {mode}, without a database"
    chains = ((sources.decisions, found.decision_chain), (sources.trades, found.trade_chain))
    for path, report in chains:
        if report.lines and not report.is_sealed:
            yield f"the end of {path.name}, without a seal"


def _trade_counts(stored: StoredTrades) -> str:
    closed = sum(trade.closed_at is not None for trade in stored.trades.values())
    return f"{closed:,} closed trades, {len(stored.trades) - closed:,} open"


def _show(findings: Findings, screen: Screen) -> None:
    for kind, why in REMARKS.items():
        if kind in findings.counts:
            screen.say(f"{findings.counts[kind]:,} {kind}: {why}")
            _show_first(findings.first[kind][:MOST_EXAMPLES], screen.say)
    for kind, advice in FAULTS.items():
        if kind in findings.counts:
            count, first = findings.counts[kind], findings.first[kind]
            screen.complain(f"{count:,} {kind}: {advice}")
            _show_first(first, screen.complain)
            if count > len(first):
                screen.complain(f"  and {count - len(first):,} more")


def _show_first(first: Sequence[Discrepancy], tell: Callable[[str], None]) -> None:
    for one in first:
        # Whatever was put into a file by hand may be meant for the terminal.
        tell(printable(f"  {one.where}: {one.found}; expected {one.expected}"))
