"""The entrance: reads the command line, looks, prints, and says in a status how it ended."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from freqtrade.exceptions import FreqtradeException

from llm_modules.operations.ending import ended
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.preview.asking import question_now
from llm_modules.preview.options import PreviewOptions, parsed
from llm_modules.preview.page import as_json, show
from llm_modules.preview.scene import chosen, named_pair

# What Freqtrade says then goes on about a bot that cannot start, and names no cause.
NO_MARKETS = "Could not load markets"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Show the prompt and return the exit status."""
    options = parsed(arguments)
    session = Session(Places(options.user_data.absolute()), environment, Screen())
    # Libraries have much to say about a look that fails or takes long; one sentence will do.
    logging.disable(logging.CRITICAL)
    try:
        return ended(session.screen, lambda: _looked(session, options))
    finally:
        logging.disable(logging.NOTSET)


def _looked(session: Session, options: PreviewOptions) -> ExitStatus:
    try:
        _preview(session, options)
    except FreqtradeException as error:
        session.screen.complain(_unreachable(error))
        return ExitStatus.FAILED
    return ExitStatus.DONE


def _preview(session: Session, options: PreviewOptions) -> None:
    scene = chosen(session, options)
    options = replace(options, pair=named_pair(options.pair, scene.basis))
    with TemporaryDirectory(prefix="preview-") as folder:
        asked = question_now(scene, options, Path(folder))
    if options.json:
        session.screen.raw(as_json(asked))
    else:
        show(asked, session.screen)


def _unreachable(error: FreqtradeException) -> str:
    said = str(error)
    why = "it does not tell its markets" if said.startswith(NO_MARKETS) else said
    return (
        f"the exchange cannot be looked at: {why}. Connect to the internet, or choose --sandbox, "
        "which needs none; ./manage.sh doctor says more"
    )
