"""`python -m llm_modules.backtest`: a program of its own, for what needs Freqtrade's engine."""

import os
import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.backtest.command.main import main

if __name__ == "__main__":
    status = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed; to take down so large a program would only keep people waiting.
    os._exit(status)
