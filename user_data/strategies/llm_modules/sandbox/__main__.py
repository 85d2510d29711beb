"""`python -m llm_modules.sandbox`: the program; what it does is in `main`."""

import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.sandbox.main import main

if __name__ == "__main__":
    sys.exit(main())
