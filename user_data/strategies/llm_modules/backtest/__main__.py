"""`python -m llm_modules.backtest`: a program of its own, for what needs Freqtrade's engine."""

import os
import signal
import sys

# Until the imports are done, which takes seconds, Ctrl-C ends the program without a word.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from llm_modules.backtest.command.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    status = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed; to take down so large a program would only keep people waiting.
    os._exit(status)
