"""Ctrl-C while a program still imports: it ends without a word, as it has nothing to undo yet."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_quietly() -> Iterator[None]:
    """Let Ctrl-C end the program meanwhile without Python's traceback.

    Where it is ignored it stays so: whoever started us, such as a deploy that goes back to what ran
    before, may not be left halfway.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, usual)
