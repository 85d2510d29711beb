"""`python -m llm_modules.selftest`: a program of its own, so that no other command loads it.

Exit status: 0 everything held, 1 something did not, 2 wrong usage or settings, 130 interrupted.
"""

import os
import signal
import sys

# Until the imports are done, which takes a second, Ctrl-C ends the program without a word.
usual = signal.signal(signal.SIGINT, signal.SIG_DFL)

from llm_modules.selftest.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    signal.signal(signal.SIGINT, usual)
    sys.exit(main(sys.argv[1:], os.environ))
