"""Has Freqtrade download the candles a run lacks, in the terminal, where its progress is seen."""

from collections.abc import Sequence

from llm_modules.backtest.candle_files import Missing, Wanted
from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.downloading import download_with_freqtrade


def download(basis: Basis, wanted: Wanted, missing: Sequence[Missing]) -> None:
    """Download what is missing; without a network it is missing still."""
    config = {
        "config_files": [basis.places.settings],
        "user_data_dir": basis.places.user_data,
        "datadir": wanted.datadir,
        "dataformat_ohlcv": wanted.data_format,
        "timeframe": basis.timeframe,
    }
    download_with_freqtrade(config, missing)
