"""`./manage.sh lookahead`: the proof that no decision sees what came after it."""

from functools import partial
from pathlib import Path

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.candles import window_of
from llm_modules.backtest.command.download import download
from llm_modules.backtest.command.freqtrade_config import Window, adopt, freqtrade_config
from llm_modules.backtest.command.options import LookaheadOptions
from llm_modules.backtest.command.readiness import demand_log
from llm_modules.backtest.crew import Tell, only
from llm_modules.backtest.lookahead.proving import prove
from llm_modules.backtest.settings import FOLDER_NAME, BacktestSettings
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session

LOG_NAME = "lookahead.log"
PROOF_NAME = "lookahead"
HEADING = (
    "SIMULATED: recorded candles, and a rule-based script in place of a model. (a) contexts, "
    "(b) whole runs, (c) memory, (d) fills and values:"
)


def lookahead(session: Session, options: LookaheadOptions) -> ExitStatus:
    """Prove it on the user's own settings; FAILED where something saw the future."""
    basis, log = opened(session, options), session.places.logs / LOG_NAME
    demand_log(log)
    session.screen.say(HEADING)
    window = window_of(basis, options.dates, log, download, session.screen.say)
    proved = only(partial(_proved, basis, window, options.candles), log, session.screen.say)
    session.screen.say("All four hold." if proved else "Look-ahead was found.")
    return ExitStatus.DONE if proved else ExitStatus.FAILED


def _proved(basis: Basis, window: Window, candles: int | None, tell: Tell) -> bool:
    adopt(basis.environment)
    home: Path = basis.places.user_data / FOLDER_NAME / PROOF_NAME
    settings = BacktestSettings(folder=str(home / "journals"), tape=str(home / "tape.sqlite"))
    config = freqtrade_config(basis, window, settings, None)
    return bool(prove(config, candles=candles, show=tell))
