"""`python -m llm_modules.preview`: a program of its own, for it needs Freqtrade's exchange."""

import os
import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.preview.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
