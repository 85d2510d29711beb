"""A port for a program that a test starts: free, and given to nobody else meanwhile."""

import secrets
import socket
from contextlib import suppress

# Below those that Linux, macOS and Windows give to whoever asks for any: one of these could be
# given to another test in the time that the program takes to listen.
FIRST, BEYOND = 20_000, 32_000


def free_port() -> int:
    """Return a port on which nobody listens. Other than `random`, no test repeats its choice."""
    while True:
        port = FIRST + secrets.randbelow(BEYOND - FIRST)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
