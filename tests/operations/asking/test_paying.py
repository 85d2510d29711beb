import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from builders import a_config
from costs import an_expense, an_inquiry
from llm_modules.errors import ConfigError
from llm_modules.operations.asking.paying import Paying
from llm_modules.operations.session import Session

MODEL = "FREQTRADE__LLM_CONFIG__MODEL"


@pytest.mark.parametrize(("model", "mode"), [("test-model", ""), ("", "sandbox")])
def test_what_a_command_asks_is_charged_to_the_sandbox_only_where_no_model_is_named(
    session: Session, model: str, mode: str
) -> None:
    named = replace(session, environment={**session.environment, MODEL: model})
    paying = Paying(named)
    config = a_config(str(session.places.user_data))
    meter = paying(config).meter
    meter.charge(an_inquiry(kind="check"), an_expense(), 10)
    ledger = session.journals().tape.with_name("llm_costs.sqlite")
    with closing(sqlite3.connect(ledger)) as database:
        assert database.execute("SELECT mode, kind FROM requests").fetchall() == [(mode, "check")]
    assert paying(config).meter is meter


def test_a_budget_whose_prices_nobody_knows_is_told(session: Session) -> None:
    limited = a_config(str(session.places.user_data), llm_config={"budget": {"usd_per_day": 1.0}})
    with pytest.raises(ConfigError, match="nobody knows what"):
        Paying(session)(limited)
