"""What a command's exit status means, the same for all programs and manage.sh."""

import enum


class ExitStatus(enum.IntEnum):
    """0 done, 1 failed or refused, 2 wrong usage, settings or environment, 3 not running."""

    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    NOT_RUNNING = 3
