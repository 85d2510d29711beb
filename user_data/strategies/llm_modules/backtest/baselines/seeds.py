"""Random runs one after the other, or in several processes at once: the same curves either way."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager

from llm_modules.backtest.baselines.drafts import Model
from llm_modules.backtest.baselines.random_script import RandomScript
from llm_modules.backtest.baselines.script import played
from llm_modules.backtest.baselines.stage import Play
from llm_modules.backtest.outcome import Equity
from llm_modules.errors import BacktestError

Opening = Callable[[], AbstractContextManager[Play]]
# The account of a seed, and how many entries it could make.
Course = tuple[Equity, int]

# Of a worker process, which is told only numbers: candles and exchange cannot be sent to it.
_opened: list[tuple[AbstractContextManager[Play], Play, Model]] = []


def courses(opening: Opening, model: Model, seeds: int, processes: int) -> Iterator[Course]:
    """Yield what became of each seed, in order; `opening` opens a stage, in each process its own.

    Processes are forked and take the loaded exchange with them. Raises BacktestError when one dies.
    """
    if processes <= 1:
        with opening() as play:
            yield from (_course(play, model, seed) for seed in range(seeds))
        return
    pool = ProcessPoolExecutor(
        min(processes, seeds),
        mp_context=multiprocessing.get_context("fork"),
        initializer=_open,
        initargs=(opening, model),
    )
    try:
        with pool:
            yield from pool.map(_in_this_process, range(seeds))
    except BrokenProcessPool:
        raise BacktestError(
            "a process of the random baseline died, perhaps for want of memory: use fewer"
        ) from None


def _course(play: Play, model: Model, seed: int) -> Course:
    script = RandomScript(model, seed)
    return play(played(script)).equity, script.made


def _open(opening: Opening, model: Model) -> None:
    # Ctrl-C is for the process that was started by hand; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stage = opening()
    _opened.append((stage, stage.__enter__(), model))


def _in_this_process(seed: int) -> Course:
    _, play, model = _opened[-1]
    return _course(play, model, seed)
