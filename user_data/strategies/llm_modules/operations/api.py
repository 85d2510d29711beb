"""The two questions asked of Freqtrade's own API on loopback: does it answer, what is open."""

import base64
import http.client
import json
from http import HTTPStatus

# Freqtrade answers in milliseconds, and within a second or two while it starts.
TIMEOUT_SECONDS = 3.0


def answers_ping(port: int) -> bool:
    """Tell whether Freqtrade's API answers at this port."""
    return _get(port, "/api/v1/ping", {}) is not None


def open_trades(port: int, username: str, password: str) -> int | None:
    """Return how many trades are open, None when the API does not say."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    answer = _get(port, "/api/v1/count", {"Authorization": f"Basic {token}"})
    current = answer.get("current") if answer else None
    return current if isinstance(current, int) else None


def _get(port: int, path: str, headers: dict[str, str]) -> dict[str, object] | None:
    """Ask loopback directly, past any proxy; None for anything but a JSON object."""
    # Not urllib: it would ask a proxy named in the environment, and tell it the password.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read()) if response.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None
