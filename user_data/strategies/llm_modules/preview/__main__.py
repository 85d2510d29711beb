"""`python -m llm_modules.preview`: a program of its own, for it needs Freqtrade's exchange."""

import os
import signal
import sys

# Until the imports are done, which takes seconds, Ctrl-C ends the program without a word.
usual = signal.signal(signal.SIGINT, signal.SIG_DFL)

from llm_modules.preview.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    signal.signal(signal.SIGINT, usual)
    sys.exit(main(sys.argv[1:], os.environ))
