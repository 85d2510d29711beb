"""Bad templates of the user are told by check, and before anything starts."""

import pytest

from llm_modules.backtest.command import basis
from llm_modules.backtest.command.options import BacktestOptions
from llm_modules.errors import ConfigError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running import control
from llm_modules.operations.running.plan import Wishes
from llm_modules.operations.session import Session

MESSAGE = r"llm_prompts/en/flat\.j2: unknown variable 'markt'; known: account, "


def put(session: Session, text: str) -> None:
    path = session.places.prompts / "en" / "flat.j2"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


def test_check_is_content_with_templates_that_can_be_used(session: Session) -> None:
    put(session, "Wait.")

    assert control.check(session, Wishes(sandbox=True)) is ExitStatus.DONE


def test_check_tells_of_a_template_that_cannot(session: Session) -> None:
    put(session, "{{ markt }}")

    with pytest.raises(ConfigError, match=MESSAGE):
        control.check(session, Wishes(sandbox=True))


def test_a_backtest_tells_before_it_asks_what_it_may_cost(session: Session) -> None:
    put(session, "{{ markt }}")

    with pytest.raises(ConfigError, match=MESSAGE):
        basis.opened(session, BacktestOptions(user_data=session.places.user_data))
