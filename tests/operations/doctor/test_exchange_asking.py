"""The program that asks: its answer comes back, and whatever becomes of it is an answer too."""

import os
import sys

from fake_binance import KEY, SECRET, FakeBinance, running
from llm_modules.operations.doctor.exchange_answer import ExchangeQuestion, question_of
from llm_modules.operations.doctor.exchange_asking import _asked, asking_through_ccxt

QUESTION = ExchangeQuestion(
    name="binance", currency="USDT", pairs=(), ccxt_config={}, credentials={"secret": SECRET}
)


def asked(code: str, seconds: float = 20.0) -> tuple[str, str]:
    told = _asked((sys.executable, "-c", code), os.environ, seconds, QUESTION)
    fault = told.faults["open"]
    return fault.trouble, fault.words


def test_another_process_asks_and_answers() -> None:
    with running(FakeBinance()) as exchange:
        changes = {"ccxt_config": exchange.addresses, "credentials": {"apiKey": KEY, "secret": "s"}}
        told = asking_through_ccxt(os.environ)(QUESTION.model_copy(update=changes))
    assert told.faults == {}
    assert told.balance is not None


def test_a_program_that_fails_is_told_without_its_traceback() -> None:
    assert asked("import sys; sys.exit('secret address')") == (
        "unreadable",
        "the program that asks ended with status 1",
    )


def test_a_program_that_hangs_is_given_up() -> None:
    assert asked("import time; time.sleep(60)", 0.3) == ("unreachable", "nothing within 0.3 s")


def test_no_key_stands_among_the_arguments() -> None:
    code = (
        f"import sys; sys.exit(9 if {SECRET!r} in sys.stdin.read() and len(sys.argv) == 1 else 8)"
    )
    assert asked(code)[1].endswith("status 9")


def test_of_two_spellings_the_one_counts_that_freqtrade_takes() -> None:
    exchange = {"name": "binance", "pair_whitelist": [], "key": "other", "secret": None}
    blocks = {"ccxt_config": {"options": {"a": 1}}, "ccxt_sync_config": {"options": {"b": 2}}}
    settings = {"stake_currency": "USDT", "exchange": exchange | {"api_key": "mine"} | blocks}
    question = question_of(settings)
    assert question.credentials == {"apiKey": "mine"}
    assert question.ccxt_config == {"options": {"a": 1, "b": 2}}
