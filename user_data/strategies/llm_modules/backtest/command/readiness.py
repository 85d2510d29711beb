"""What a run needs before anything is paid for: keys, and places that can be written."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

from llm_modules.backtest.command.basis import Basis
from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError, JournalError
from llm_modules.llm.opening import NO_KEY
from llm_modules.llm.recorder import LOOPBACK
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.opening import ledger_beside
from llm_modules.llm.tape import Tape
from llm_modules.operations.places import shown


def demand_keys(basis: Basis) -> None:
    """Raise ConfigError where a provider that has keys of its own is asked without one."""
    for target in basis.targets():
        variable = target.provider.key_variable
        if target.key.get_secret_value() != NO_KEY or variable == API_KEY_VARIABLE:
            continue
        server = urlsplit(target.api_base)
        if server.hostname not in LOOPBACK:
            raise ConfigError(f"{server.netloc}: no key. Put {variable}=... into .env")


def demand_log(log: Path) -> None:
    """Raise ConfigError where a log cannot be appended to; its folder is made."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.open("a").close()
    except OSError as error:
        raise _unwritable(log, error) from error


def demand_folder(folder: Path) -> None:
    """Raise ConfigError where nothing can be written into a folder, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder, buffering=0) as file:
            # A full disk lets files be made, and nothing into them.
            file.write(b"\0")
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(folder, error) from error


def demand_tape(path: Path) -> None:
    """Raise ConfigError where a tape, or the ledger beside it, cannot be written; both are made."""
    tape, ledger = Tape(path), Ledger(ledger_beside(path))
    try:
        # Nothing, in a transaction: what is on them stays as it is.
        tape.outlive(())
        ledger.named("", "")
    except JournalError as error:
        raise ConfigError(f"the tape cannot be written: {error}. Choose another --tape") from error
    finally:
        tape.close()
        ledger.close()


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{shown(path)} cannot be written: {error.strerror}")
