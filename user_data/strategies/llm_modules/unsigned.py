"""Takes signatures out of what Freqtrade and ccxt write: their errors show whole addresses.

A signed address is good for seconds and for one question only, but it is nobody's business.
"""

import logging
import re

_SIGNED = re.compile(r"\?[^\s\"'<>]*\bsignature=[^\s\"'<>]*", re.IGNORECASE)
_FORMATTER = logging.Formatter()


def unsigned(text: str) -> str:
    """Return a line of a log with the questions of signed addresses left out."""
    return _SIGNED.sub("?...", text)


def keep_signatures_out() -> None:
    """Have everything that is logged from now on, tracebacks too, go out without signatures."""
    for handler in logging.getLogger().handlers:
        if _without_signature not in handler.filters:
            handler.addFilter(_without_signature)


def _without_signature(record: logging.LogRecord) -> bool:
    if record.exc_info and not record.exc_text:
        record.exc_text = _FORMATTER.formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = unsigned(record.exc_text)
    message = record.getMessage()
    # Most lines stay as they are, with their arguments.
    if "signature=" in message.lower():
        record.msg, record.args = unsigned(message), None
    return True
