"""The entrance: reads the command line, looks, prints, and says in a status how it ended."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from freqtrade.exceptions import FreqtradeException

from llm_modules.backtest.command.main import INTERRUPTED
from llm_modules.errors import JournalError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.preview.asking import question_now
from llm_modules.preview.options import PreviewOptions, parsed
from llm_modules.preview.page import as_json, show
from llm_modules.preview.scene import chosen


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Show the prompt and return the exit status."""
    options = parsed(arguments)
    session = Session(Places(options.user_data.absolute()), environment, Screen())
    # Libraries have much to say about a look that fails or takes long; one sentence will do.
    logging.disable(logging.CRITICAL)
    try:
        _preview(session, options)
    except UserError as error:
        session.screen.complain(str(error))
        return ExitStatus.UNUSABLE
    except FreqtradeException as error:
        session.screen.complain(_unreachable(error))
        return ExitStatus.FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output left, as `head` does; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, JournalError) as error:
        session.screen.complain(str(error))
        return ExitStatus.FAILED
    finally:
        logging.disable(logging.NOTSET)
    return ExitStatus.DONE


def _preview(session: Session, options: PreviewOptions) -> None:
    scene = chosen(session, options)
    with TemporaryDirectory(prefix="preview-") as folder:
        asked = question_now(scene, options, Path(folder))
    if options.json:
        session.screen.raw(as_json(asked))
    else:
        show(asked, session.screen)


def _unreachable(error: FreqtradeException) -> str:
    return (
        f"the exchange cannot be looked at: {error}. Connect to the internet, or choose --sandbox, "
        "which needs none"
    )
