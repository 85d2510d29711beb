"""`manage.sh doctor`: one look at everything that could keep the bot from working.

A section looks at a case and yields diagnoses; a new one is a function in `SECTIONS`. Each is shown
as soon as it is known, because asking models takes minutes.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table
from rich.text import Text

from llm_modules.config import TraderConfig
from llm_modules.operations.doctor.cost_check import a_day_is_affordable
from llm_modules.operations.doctor.diagnosis import (
    Case,
    Diagnosis,
    DoctorOptions,
    Examination,
    Health,
    Purse,
    no_purse,
    worst,
)
from llm_modules.operations.doctor.exchange_asking import asking_through_ccxt
from llm_modules.operations.doctor.exchange_checks import exchange_is_fit
from llm_modules.operations.doctor.gate_checks import (
    consent_is_given,
    nothing_is_halted,
    selftest_has_passed,
)
from llm_modules.operations.doctor.machine_checks import (
    api_port_is_free,
    disk_has_room,
    docker_is_told,
    files_are_ours,
    python_is_known,
)
from llm_modules.operations.doctor.model_checks import keys_are_there, models_answer
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.doctor.record_checks import journals_are_sound
from llm_modules.operations.doctor.settings_checks import settings_are_usable
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

STYLES: dict[Health, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
HEALTH_WIDTH = 4
SUBJECT_WIDTH = 18


# The quick ones first: the exchange takes seconds, models take minutes.
SECTIONS: tuple[Examination, ...] = (
    python_is_known,
    docker_is_told,
    disk_has_room,
    files_are_ours,
    api_port_is_free,
    settings_are_usable,
    journals_are_sound,
    selftest_has_passed,
    nothing_is_halted,
    consent_is_given,
    exchange_is_fit,
    keys_are_there,
    models_answer,
    a_day_is_affordable,
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at and found, in order; not `whole` when somebody ended it with Ctrl-C."""

    case: Case
    found: tuple[Diagnosis, ...]
    whole: bool = True


def examine(
    session: Session,
    options: DoctorOptions,
    purse_of: Callable[[TraderConfig], Purse] = no_purse,
    sections: Iterable[Examination] = SECTIONS,
) -> ExitStatus:
    """Look at everything and say how it is and what to do.

    DONE when nothing failed, FAILED when something did or nobody waited for the end, UNUSABLE when
    the settings cannot be used.
    """
    ask_exchange = asking_through_ccxt(session.environment)
    examined = look(opened_case(session, options, purse_of, ask_exchange), sections)
    if not examined.whole:
        session.screen.complain("Interrupted: not everything was looked at.")
    if options.json:
        session.screen.raw(_as_json(examined))
    elif examined.whole:
        session.screen.say(_summary(examined.found))
    # Not for the program to end, where it would be 130: `doctor && start` must not start.
    if not examined.whole:
        return ExitStatus.FAILED
    if examined.case.problems:
        return ExitStatus.UNUSABLE
    return ExitStatus.FAILED if worst(examined.found) == "fail" else ExitStatus.DONE


def look(case: Case, sections: Iterable[Examination] = SECTIONS) -> Examined:
    """Look at a case section by section, showing each row as soon as it is known."""
    screen = case.session.screen
    found: list[Diagnosis] = []
    try:
        for diagnosis in (one for section in sections for one in section(case)):
            if not case.options.json:
                _show(screen, diagnosis, found)
            found.append(diagnosis)
    except KeyboardInterrupt:
        return Examined(case, tuple(found), whole=False)
    return Examined(case, tuple(found))


def _as_json(examined: Examined) -> str:
    checks = [asdict(one) for one in examined.found]
    health = worst(examined.found)
    return json.dumps({"health": health, "complete": examined.whole, "checks": checks})


def _show(screen: Screen, diagnosis: Diagnosis, before: Sequence[Diagnosis]) -> None:
    """Show one row, under its heading where that is new; all rows have the same columns."""
    if not before or before[-1].about != diagnosis.about:
        screen.say(Text(diagnosis.about, style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(width=HEALTH_WIDTH)
    table.add_column(width=SUBJECT_WIDTH, overflow="fold")
    table.add_column(overflow="fold")
    health = Text(diagnosis.health, style=STYLES[diagnosis.health])
    # As text: what a server wrote may hold [brackets].
    table.add_row(health, Text(diagnosis.subject), Text(diagnosis.sentence))
    if diagnosis.advice:
        table.add_row("", "", Text(diagnosis.advice))
    screen.table(table)


def _summary(found: Sequence[Diagnosis]) -> str:
    counts = {health: sum(one.health == health for one in found) for health in STYLES}
    if not counts["warn"] and not counts["fail"]:
        return f"All {counts['ok']} checks are in order."
    return f"{counts['fail']} failed, {counts['warn']} to look at, {counts['ok']} in order."
