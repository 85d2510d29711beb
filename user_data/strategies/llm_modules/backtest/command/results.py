"""Freqtrade's result of a run, brought to where Freqtrade looks for results."""

import json
import os
import shutil
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from freqtrade.constants import LAST_BT_RESULT_FN
from freqtrade.optimize.backtest_caching import get_backtest_metadata_filename


def published(result: Path, folder: Path) -> Path:
    """Move a result and what belongs to it into a folder, and return where it is then.

    Freqtrade names results by the second: two that end together would be one. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = _copied(result, folder)
    shutil.copyfile(get_backtest_metadata_filename(result), get_backtest_metadata_filename(target))
    # Renamed into place: Freqtrade's viewers may read it at any moment.
    newest = folder / f"{LAST_BT_RESULT_FN}.{os.getpid()}"
    newest.write_text(json.dumps({"latest_backtest": target.name}), encoding="utf-8")
    newest.replace(folder / LAST_BT_RESULT_FN)
    shutil.rmtree(result.parent)
    return target


def _copied(result: Path, folder: Path) -> Path:
    """Copy a result under the first name nobody has; Freqtrade reads its parts by that name."""
    number = 1
    while True:
        target = folder / (result.name if number == 1 else f"{result.stem}-{number}.zip")
        try:
            # Created and not looked for: two that end together would find the same name free.
            file = target.open("xb")
        except FileExistsError:
            number += 1
            continue
        # Not renamed: inside, each part bears the name of the whole.
        with file, ZipFile(file, "w", ZIP_DEFLATED) as copy, ZipFile(result) as whole:
            for name in whole.namelist():
                copy.writestr(name.replace(result.stem, target.stem, 1), whole.read(name))
        return target
