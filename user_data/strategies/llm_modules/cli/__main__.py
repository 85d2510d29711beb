"""The program; the commands themselves are in `commands`."""

import os
import sys

from llm_modules.interrupts import ended_quietly

with ended_quietly():
    from llm_modules.cli.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
