"""`python -m llm_modules.sandbox`: the program; what it does is in `main`."""

import signal
import sys

# Until the imports are done, which takes a second, Ctrl-C ends the program without a word.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from llm_modules.sandbox.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    sys.exit(main())
