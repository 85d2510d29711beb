"""`manage.sh doctor`: one look at everything that could keep the bot from working.

A section looks at a case and yields diagnoses; a new one is a function in `SECTIONS`. Each is shown
as soon as it is known, because asking models takes minutes.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

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
from llm_modules.operations.doctor.model_checks import keys_are_there, models_answer
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.render import printable
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

STYLES: dict[Health, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
HEALTH_WIDTH = 4
SUBJECT_WIDTH = 18


def settings_are_usable(case: Case) -> Iterator[Diagnosis]:
    """Tell every problem of the settings, or that there is none."""
    for problem in case.problems:
        yield Diagnosis("fail", "settings", "config.json", printable(problem))
    if not case.problems:
        yield Diagnosis("ok", "settings", "config.json", "usable, with the environment and .env")


SECTIONS: tuple[Examination, ...] = (
    settings_are_usable,
    keys_are_there,
    models_answer,
    a_day_is_affordable,
)


def examine(
    session: Session,
    options: DoctorOptions,
    purse_of: Callable[[TraderConfig], Purse] = no_purse,
) -> ExitStatus:
    """Look at everything and say how it is and what to do.

    DONE when nothing failed, FAILED when something did or nobody waited for the end, UNUSABLE when
    the settings cannot be used.
    """
    case = opened_case(session, options, purse_of)
    found: list[Diagnosis] = []
    try:
        for diagnosis in _all(case):
            if not options.json:
                _show(session.screen, diagnosis, found)
            found.append(diagnosis)
    # Not for cli.py, where it is no failure: `doctor && start` must not start.
    except KeyboardInterrupt:
        session.screen.complain("Interrupted: not everything was looked at.")
        return ExitStatus.FAILED
    if options.json:
        checks = [asdict(one) for one in found]
        session.screen.raw(json.dumps({"health": worst(found), "checks": checks}))
    else:
        session.screen.say(_summary(found))
    if case.problems:
        return ExitStatus.UNUSABLE
    return ExitStatus.FAILED if worst(found) == "fail" else ExitStatus.DONE


def _all(case: Case) -> Iterator[Diagnosis]:
    for section in SECTIONS:
        yield from section(case)


def _show(screen: Screen, diagnosis: Diagnosis, before: list[Diagnosis]) -> None:
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


def _summary(found: list[Diagnosis]) -> str:
    counts = {health: sum(one.health == health for one in found) for health in STYLES}
    if not counts["warn"] and not counts["fail"]:
        return f"All {counts['ok']} checks are in order."
    return f"{counts['fail']} failed, {counts['warn']} to look at, {counts['ok']} in order."
