"""`python -m llm_modules.selftest`: a program of its own, so that no other command loads it.

Exit status: 0 everything held, 1 something did not, 2 wrong usage or settings, 130 interrupted.
"""

import os
import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.selftest.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
