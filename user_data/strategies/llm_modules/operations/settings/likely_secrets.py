"""Secrets of settings that we do not know, told by their names and by what addresses hold.

Freqtrade and ccxt have more of them than any list: a producer's `ws_token`, a proxy with a
password, a database's address. What seems to be one goes into no archive.
"""

import re
from collections.abc import Iterator

from llm_modules.operations.settings.located import Located, located_values

ENDINGS = (
    *("token", "secret", "password", "passphrase", "passwd", "key"),
    *("bearer", "login", "twofa", "authorization"),
)
# Whatever stands below it.
HEADERS = "headers"
NO_SECRETS = {'""', "true", "false", "null"}
# user:password@host, and what some addresses carry behind the question mark.
_ADDRESS = re.compile(
    r"://[^/\s\"@]*:[^/\s\"]*@|[?&](?:token|key|api_?key|secret|password|signature)=",
    re.IGNORECASE,
)


def likely_secrets(text: str) -> Iterator[Located]:
    """Yield the values of a settings file that look like secrets; the text has to be readable."""
    for one in located_values(text):
        names = [name.lower() for name in one.path]
        is_named = names[-1:] != [] and names[-1].endswith(ENDINGS)
        if one.token not in NO_SECRETS and (
            is_named or HEADERS in names or _ADDRESS.search(one.token)
        ):
            yield one
