"""`python -m llm_modules.report`: a program of its own, so that no other command loads plotly.

Exit status: 0 done, also where there was nothing to report; 1 failed; 2 wrong usage or settings.
"""

import os
import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.report.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
