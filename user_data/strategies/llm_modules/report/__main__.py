"""`python -m llm_modules.report`: a program of its own, so that no other command loads plotly.

Exit status: 0 done, also where there was nothing to report; 1 failed; 2 wrong usage or settings.
"""

import os
import signal
import sys

# Until the imports are done, which takes seconds, Ctrl-C ends the program without a word.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from llm_modules.report.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
