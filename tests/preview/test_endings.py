"""How the command ends where something goes wrong: a sentence and a status, never a traceback."""

from pathlib import Path
from typing import Any

import pytest
from freqtrade.exceptions import FreqtradeException

from builders import NOON, PAIR, a_decision_record
from llm_modules.errors import ConfigError, JournalError, UserError
from llm_modules.preview import asking
from llm_modules.preview import main as module
from llm_modules.preview.main import main
from llm_modules.preview.scene import named_pair


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("no candle"), 2, "no candle"),
        (JournalError("a journal"), 1, "a journal"),
        (OSError(28, "No space left on device"), 1, "no room is left on the disk"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_each_ending_has_its_status(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    words: str,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(module, "_preview", fail)

    assert main(["--pair", PAIR], {}) == status
    assert words in capfd.readouterr().err


def test_why_no_question_could_be_written_is_told() -> None:
    record = a_decision_record(status="failed", tool=None, fault="MarketDataError: stale", call={})

    with pytest.raises(ConfigError, match="no question can be asked: MarketDataError: stale"):
        asking._prompt_about(PAIR, [], [record])
    with pytest.raises(ConfigError, match="no question can be asked: unknown"):
        asking._prompt_about(PAIR, [], [])


class Closed:
    """A market whose newest candle closed at a time, None: without any."""

    def __init__(self, closed_at: Any) -> None:
        self.source, self._closed_at = self, closed_at

    def newest_close(self, _pair: str, _timeframe: str) -> Any:
        return self._closed_at


class Timed:
    """A scene as far as its timeframe goes."""

    basis: Any = type("Basis", (), {"timeframe": "30m"})


@pytest.mark.parametrize(
    ("closed_at", "words"),
    [(NOON, "the newest closed 2026-01-15 12:00 UTC"), (None, "there is none")],
)
def test_a_pair_without_a_candle_to_be_asked_about_is_told(closed_at: Any, words: str) -> None:
    scene: Any = Timed()
    seen: Any = Closed(closed_at)

    with pytest.raises(UserError, match=f"has no candle to be asked about now: {words}"):
        asking._about(PAIR, (), scene, seen)


def test_a_position_that_cannot_be_made_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise asking.MarketDataError("too few candles")

    monkeypatch.setattr(asking, "made_up", fail)
    question: Any = type("Question", (), {"position": None})
    options = asking.PreviewOptions(PAIR, in_position=True)
    rooms: Any = type("Rooms", (), {"config": type("Config", (), {"risk_management": None})})

    with pytest.raises(UserError, match="no position can be made up: too few candles"):
        asking._with_position(question, options, rooms)


def test_the_program_ends_with_the_status(tmp_path: Path) -> None:
    assert main(["--pair", PAIR, "--user-data", str(tmp_path)], {}) == 2


def test_a_pair_may_be_named_by_its_base_where_that_means_one() -> None:
    basis: Any = type("Basis", (), {"pairs": (PAIR, "ETH/USDT:USDT", "ETH/USDC:USDC")})

    assert named_pair("btc", basis) == PAIR
    assert named_pair("BTC/USDT", basis) == PAIR
    assert named_pair("ETH", basis) == "ETH"
    assert named_pair("DOGE", basis) == "DOGE"


def test_markets_that_cannot_be_loaded_are_told_without_freqtrades_advice() -> None:
    said = "Could not load markets, therefore cannot start. Please investigate the above error."
    sentence = module._unreachable(FreqtradeException(said))

    assert sentence.startswith("the exchange cannot be looked at: it does not tell its markets. ")
    assert "./manage.sh doctor" in sentence
    assert ": no such pair. " in module._unreachable(FreqtradeException("no such pair"))
