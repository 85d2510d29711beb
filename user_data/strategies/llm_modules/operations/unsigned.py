"""Takes signatures out of what Freqtrade and ccxt write: their errors show whole addresses.

A signed address is good for seconds and for one question only, but it is nobody's business.
"""

import re

_SIGNED = re.compile(r"\?[^\s\"'<>]*\bsignature=[^\s\"'<>]*", re.IGNORECASE)


def unsigned(text: str) -> str:
    """Return a line of a log with the questions of signed addresses left out."""
    return _SIGNED.sub("?...", text)
