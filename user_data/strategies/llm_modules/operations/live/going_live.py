"""The way to real money: look at everything, refuse with every reason, show it, have it typed."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from llm_modules.config import TraderConfig
from llm_modules.errors import UserError
from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, missing_clearance
from llm_modules.gate.consent import CONSENT_NAME, Consent, subjects, write_consent
from llm_modules.gate.halt import is_there, remove
from llm_modules.operations.doctor.diagnosis import Case, DoctorOptions, Purse
from llm_modules.operations.doctor.doctoring import Examined, look
from llm_modules.operations.doctor.exchange_answer import (
    AskedOnce,
    AskExchange,
    ExchangeAnswer,
    question_of,
)
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.live.amounts import Stakes, figures, is_amount, stakes_of
from llm_modules.operations.live.reasons import Evidence, reasons_against, reasons_at_once
from llm_modules.operations.places import SHIPPED_USER_DATA, shown
from llm_modules.operations.running.bot_record import is_running, read_record
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

INTERRUPTED = "Interrupted: nothing was started, nobody has consented to anything."
NOT_STARTED = "Nothing was started."
NOT_LOOKED_YET = "Selftest and doctor come when these are mended."
UNLESS = (
    "Each is an aim of the gate and of the exchange's stops, and no promise: in a gap orders fill "
    "worse. What the bot may use can be lost as a whole."
)
AMOUNT_WIDTH = 20
NAME_WIDTH = 16


@dataclass(frozen=True, slots=True)
class LiveWishes:
    """What the command line asks for; `amount` is what is typed otherwise, as it was written."""

    amount: str | None = None
    rights_checked: bool = False
    starts: bool = True


@dataclass(frozen=True, slots=True)
class Means:
    """What going live makes use of: each may be another for a test or another exchange."""

    purse_of: Callable[[TraderConfig], Purse]
    ask_exchange: AskExchange
    # Runs the selftest where the person can see it.
    selftest: Callable[[Session], None]
    start: Callable[[], ExitStatus]
    now: Callable[[], datetime]


def go_live(session: Session, wishes: LiveWishes, means: Means) -> ExitStatus:
    """Look, refuse or ask for the amount at risk, note the consent, and start.

    FAILED for a refusal, UNUSABLE when the settings cannot be used. Raises UserError when nobody
    can be asked, JournalError when the consent cannot be written.
    """
    screen = session.screen
    if is_running(session.places):
        screen.complain(_runs_already(session))
        return ExitStatus.FAILED
    ask = AskedOnce(means.ask_exchange)
    case = opened_case(session, DoctorOptions(), means.purse_of, ask)
    # Of settings that cannot be used, doctor tells what is wrong.
    at_once = [] if case.problems else reasons_at_once(case)
    if at_once:
        _refuse(screen, at_once)
        screen.complain(NOT_LOOKED_YET)
        return ExitStatus.FAILED
    return _after_a_look(case, wishes, means)


def _after_a_look(case: Case, wishes: LiveWishes, means: Means) -> ExitStatus:
    """Run the selftest and doctor, and go on where nothing speaks against it."""
    screen, examined = case.session.screen, _examined(case, means)
    if examined is None:
        screen.complain(INTERRUPTED)
        return ExitStatus.FAILED
    if case.problems:
        screen.complain(f"The settings cannot be used, see above. {NOT_STARTED}")
        return ExitStatus.UNUSABLE
    answer = _answer(case)
    cleared = _missing_clearance(case)
    evidence = Evidence(case, examined.found, answer, cleared, wishes.rights_checked)
    reasons = reasons_against(evidence)
    balance = answer.balance if answer else None
    # Without configuration or balance there is always a reason.
    if reasons or case.config is None or balance is None:
        _refuse(screen, reasons)
        return ExitStatus.FAILED
    stakes = stakes_of(case.settings, balance.total)
    return _with_consent(case, case.config, stakes, wishes, means)


def withdraw(session: Session) -> ExitStatus:
    """Take the consent back: the next start with real money is refused. Raises JournalError."""
    path, screen = session.places.user_data / CONSENT_NAME, session.screen
    if is_there(path) is False:
        screen.say("Nobody has consented to real money.")
        return ExitStatus.DONE
    remove(path)
    screen.say("The consent is withdrawn: no start with real money until ./manage.sh live.")
    record = read_record(session.places) if is_running(session.places) else None
    if record is not None and record.mode == "live":
        screen.say("The bot that runs trades on: ./manage.sh halt closes all, stop ends it.")
    return ExitStatus.DONE


def run_selftest(session: Session) -> None:
    """Run the selftest as the command does, its progress and tables on this terminal."""
    command = (sys.executable, "-m", "llm_modules.selftest")
    arguments = ("--user-data", str(session.places.user_data))
    paths = {"PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")}
    # Whether it passed is in the clearance it leaves, or not.
    subprocess.run(  # noqa: S603 - our own program, no shell
        (*command, *arguments), env={**session.environment, **paths}, check=False
    )


def _runs_already(session: Session) -> str:
    record = read_record(session.places)
    # The record comes a moment after the lock.
    mode = f" in mode {record.mode}" if record else ""
    return f"A bot runs already{mode}: ./manage.sh stop ends it. {NOT_STARTED}"


def _examined(case: Case, means: Means) -> Examined | None:
    """Run the selftest where it is missing, then doctor; None when somebody ended that."""
    try:
        if _missing_clearance(case) is not None:
            case.session.screen.say("The selftest has not passed for these limits; it runs now.")
            means.selftest(case.session)
    except KeyboardInterrupt:
        return None
    examined = look(case)
    return examined if examined.whole else None


def _missing_clearance(case: Case) -> str | None:
    if case.limits is None:
        return None
    path = case.session.places.user_data / CLEARANCE_NAME
    return missing_clearance(path, clearance_fingerprint(case.limits))


def _answer(case: Case) -> ExchangeAnswer | None:
    """Return what the exchange said; it was asked by the examination just now."""
    if case.is_sandbox:
        return None
    return case.ask_exchange(question_of(case.settings))


def _refuse(screen: Screen, reasons: list[str]) -> None:
    heading = f"No real money yet, for {len(reasons)} reason{'s' if len(reasons) > 1 else ''}:"
    screen.complain("\n  - ".join([heading, *reasons]))
    screen.complain(NOT_STARTED)


def _with_consent(
    case: Case, config: TraderConfig, stakes: Stakes, wishes: LiveWishes, means: Means
) -> ExitStatus:
    """Show the limits in money, have the amount typed, write it down and start."""
    screen = case.session.screen
    _show(case, config, stakes)
    problem = _disagreement(screen, wishes, stakes)
    if problem is not None:
        screen.complain(f"{problem} {NOT_STARTED}")
        return ExitStatus.FAILED
    folder = case.session.places.user_data
    path, given_for = folder / CONSENT_NAME, subjects(config, case.settings, folder)
    consent = Consent(
        amount=stakes.at_risk, currency=stakes.currency, given_for=given_for, at=means.now()
    )
    write_consent(path, consent)
    screen.say(f"The consent is noted in {shown(path)}; ./manage.sh live --withdraw takes it back.")
    return means.start() if wishes.starts else ExitStatus.DONE


def _show(case: Case, config: TraderConfig, stakes: Stakes) -> None:
    screen = case.session.screen
    screen.say(Text("\nREAL MONEY", style="bold red"))
    for one in figures(case.settings, config.risk_management, stakes):
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(width=NAME_WIDTH)
        table.add_column(width=AMOUNT_WIDTH, justify="right", overflow="fold")
        table.add_column(overflow="fold")
        table.add_row(Text(one.name), Text(one.amount), Text(one.source))
        screen.table(table)
    screen.say(UNLESS)


def _disagreement(screen: Screen, wishes: LiveWishes, stakes: Stakes) -> str | None:
    """Have the amount at risk named; say what is wrong with what was named, None when nothing."""
    if stakes.at_risk <= 0:
        return f"{stakes.shown} are at risk: there is nothing to consent to."
    if wishes.amount is not None:
        if is_amount(wishes.amount, stakes):
            return None
        return f"--amount says {wishes.amount!r}, but {stakes.shown} are at risk."
    if not sys.stdin.isatty():
        raise UserError(
            "nobody to ask: type the amount at risk on a terminal, or name it with --amount"
        )
    try:
        typed = screen.console.input(
            f"To go live, type the amount at risk, {stakes.shown}: ", markup=False
        )
    except (EOFError, KeyboardInterrupt):
        return "Nothing was typed."
    return None if is_amount(typed, stakes) else f"That was not {stakes.shown}."
