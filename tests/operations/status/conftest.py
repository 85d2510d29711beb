"""An API that answers as Freqtrade's does."""

from collections.abc import Iterator

import pytest

from freqtrade_api import FreqtradeApi, serving


@pytest.fixture
def api() -> Iterator[FreqtradeApi]:
    with serving() as served:
        yield served
