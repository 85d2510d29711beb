"""What `doctor` says of an exchange, from one that answers and one that does not."""

from collections.abc import Callable
from typing import Any

import pytest

from examining import Doctor, about, case_of
from fake_binance import KEY, SECRET
from llm_modules.operations.doctor.diagnosis import Diagnosis, DoctorOptions, no_exchange
from llm_modules.operations.doctor.exchange_answer import (
    AccountBalance,
    AccountModes,
    ExchangeAnswer,
    ExchangeQuestion,
    Fault,
    KeyRights,
)
from llm_modules.operations.doctor.exchange_checks import exchange_is_fit
from llm_modules.operations.session import Session

PAIRS = [f"{base}/USDT:USDT" for base in ("BTC", "ETH", "SOL", "XRP", "DOGE")]
RIGHTS = KeyRights(
    reads=True,
    trades_futures=True,
    withdraws=False,
    moves_funds=False,
    is_bound_to_addresses=True,
)
MODES = AccountModes(hedges=False, pools_assets=False)
WELL = ExchangeAnswer(
    answer_seconds=0.2,
    ahead_seconds=0.01,
    pairs=dict.fromkeys(PAIRS, "active"),
    timeframes=("1m", "30m", "1h", "4h", "1d"),
    balance=AccountBalance(total=434.21, free=400),
    rights=RIGHTS,
    modes=MODES,
)
Says = Callable[..., list[Diagnosis]]


@pytest.fixture
def real(session: Session, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """A bot with a model and an account."""
    doctor = Doctor(session, capsys).having(
        FREQTRADE__EXCHANGE__KEY=KEY, FREQTRADE__EXCHANGE__SECRET=SECRET
    )
    return doctor.setting(LLM_CONFIG__MODEL="m", LLM_CONFIG__API_BASE="http://127.0.0.1:9/v1")


@pytest.fixture
def says(real: Doctor) -> Says:
    """What is said of an answer, changed as named; live unless `dry_run`."""

    def say(dry_run: str = "false", **changes: Any) -> list[Diagnosis]:
        session = real.setting(DRY_RUN=dry_run).session
        answer = WELL.model_copy(update=changes)
        return list(exchange_is_fit(case_of(session, lambda _: answer)))

    return say


def worse(found: list[Diagnosis]) -> list[tuple[str, str]]:
    return [(one.health, one.subject) for one in found if one.health != "ok"]


def test_an_exchange_that_is_well_is_told_row_by_row(says: Says) -> None:
    found = says()
    assert worse(found) == []
    assert {one.about for one in found} == {"exchange binance"}
    assert [one.subject for one in found] == [
        *("answer", "clock", "pairs", "timeframes", "key"),
        *("withdrawals", "transfers", "reading, futures", "addresses", "account modes"),
    ]
    assert all(one.advice == "" for one in found)
    assert about(found, "key").sentence == "the account can be read: 434.21 USDT"
    assert about(found, "timeframes").sentence == "30m, 1h, 4h, 1d"


def test_offline_is_one_failure_with_advice(real: Doctor) -> None:
    (row,) = exchange_is_fit(case_of(real.session, no_exchange))
    assert (row.health, row.subject) == ("fail", "answer")
    assert "online" in row.advice


@pytest.mark.parametrize("part", ["open", "time", "markets"])
def test_an_exchange_that_is_lost_on_the_way_is_one_failure(says: Says, part: str) -> None:
    (row,) = says(faults={part: Fault(trouble="unreachable", words="RequestTimeout")})
    assert row.sentence == "unreachable: RequestTimeout"


def test_a_question_about_the_account_that_is_lost_hides_nothing_else(says: Says) -> None:
    fault = Fault(trouble="unreachable", words="RequestTimeout")
    found = says(faults={"rights": fault}, rights=None)
    assert worse(found) == [("warn", "rights of the key")]


@pytest.mark.parametrize(
    ("ahead", "health"),
    [
        (0.0, "ok"),
        (0.6, "ok"),
        (0.7, "warn"),
        (-0.7, "warn"),
        (1.1, "warn"),
        (1.2, "fail"),
        (-1.2, "warn"),
        (-5.0, "warn"),
        (-5.2, "fail"),
    ],
)
def test_a_clock_may_lag_more_than_it_may_lead(says: Says, ahead: float, health: str) -> None:
    # With 0.2 s for the answer, 0.1 s of it may be the way.
    row = about(says(ahead_seconds=ahead), "clock")
    assert row.health == health
    if health != "ok":
        assert ("ahead of" if ahead > 0 else "behind") in row.sentence
        assert "timedatectl" in row.advice


@pytest.mark.parametrize("missing", ["ahead_seconds", "answer_seconds"])
def test_an_exchange_without_a_clock_is_no_worse(says: Says, missing: str) -> None:
    found = says(**{missing: None})
    assert worse(found) == []
    assert "does not tell" in about(found, "clock").sentence


def test_a_clock_that_could_not_be_asked_is_told(says: Says) -> None:
    found = says(faults={"time": Fault(trouble="busy", words="banned")})
    assert worse(found) == [("fail", "clock")]
    assert "Wait some minutes" in about(found, "clock").advice


def test_each_pair_that_cannot_be_traded_is_named(says: Says) -> None:
    pairs = {**WELL.pairs, PAIRS[0]: "absent", PAIRS[1]: "inactive"}
    found = says(pairs=pairs)
    assert worse(found) == [("fail", PAIRS[0]), ("fail", PAIRS[1])]
    assert about(found, PAIRS[0]).sentence == "not listed there"
    assert about(found, PAIRS[1]).sentence == "listed, but not traded now"
    assert "pair_whitelist" in about(found, PAIRS[0]).advice


def test_pairs_that_could_not_be_asked_for_are_a_failure(says: Says) -> None:
    found = says(faults={"markets": Fault(trouble="unreadable")}, pairs={})
    assert worse(found) == [("fail", "pairs")]
    assert about(found, "pairs").sentence == "unreadable"


def test_a_timeframe_that_is_not_there_is_named_with_those_that_are(says: Says) -> None:
    row = about(says(timeframes=("1m", "1h", "4h")), "timeframes")
    assert row.health == "fail"
    assert row.sentence == "without 30m, 1d; it has 1m, 1h, 4h"


@pytest.mark.parametrize(("dry_run", "health"), [("false", "fail"), ("true", "warn")])
def test_a_key_that_is_refused_stops_only_real_money(says: Says, dry_run: str, health: str) -> None:
    fault = Fault(trouble="refused", words="Invalid API-key (-2015)")
    found = says(dry_run, faults={"balance": fault}, balance=None)
    row = about(found, "key")
    assert (row.health, row.sentence) == (health, "refused: Invalid API-key (-2015)")
    assert "this machine's address" in row.advice


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"withdraws": True}, ("warn", "withdrawals")),
        ({"moves_funds": True}, ("warn", "transfers")),
        ({"is_bound_to_addresses": False}, ("warn", "addresses")),
        ({"trades_futures": False}, ("fail", "reading, futures")),
        ({"reads": False}, ("fail", "reading, futures")),
    ],
)
def test_each_right_is_judged(says: Says, changes: dict[str, bool], row: tuple[str, str]) -> None:
    found = says(rights=RIGHTS.model_copy(update=changes))
    assert worse(found) == [row]
    assert about(found, row[1]).advice


def test_without_the_right_to_futures_a_dry_run_still_works(says: Says) -> None:
    found = says("true", rights=RIGHTS.model_copy(update={"trades_futures": False}))
    row = about(found, "reading, futures")
    assert (row.health, row.sentence) == ("warn", "reading allowed, futures not allowed")


def test_rights_that_cannot_be_read_are_said_plainly(says: Says) -> None:
    row = about(
        says(rights=None, faults={"rights": Fault(trouble="unsupported")}), "rights of the key"
    )
    assert (row.health, row.sentence) == ("warn", "unsupported")
    assert "exchange's own page" in row.advice


@pytest.mark.parametrize(
    ("modes", "sentence"),
    [
        ({"hedges": True}, "hedge mode on"),
        ({"pools_assets": True}, "multi-assets mode on"),
        ({"hedges": True, "pools_assets": True}, "hedge mode and multi-assets mode on"),
    ],
)
def test_modes_that_freqtrade_cannot_trade_in_are_told(
    says: Says, modes: dict[str, bool], sentence: str
) -> None:
    found = says(modes=MODES.model_copy(update=modes))
    assert worse(found) == [("fail", "account modes")]
    assert sentence in about(found, "account modes").sentence


def test_modes_that_could_not_be_read_are_told(says: Says) -> None:
    found = says(modes=None, faults={"modes": Fault(trouble="clock", words="-1021")})
    assert worse(found) == [("warn", "account modes")]


def test_what_was_neither_told_nor_a_fault_is_no_row(says: Says) -> None:
    subjects = {one.subject for one in says(balance=None, rights=None, modes=None)}
    assert subjects == {"answer", "clock", "pairs", "timeframes"}


def test_a_dry_run_needs_no_key(real: Doctor) -> None:
    without = real.having(FREQTRADE__EXCHANGE__KEY="", FREQTRADE__EXCHANGE__SECRET="")
    found = list(exchange_is_fit(case_of(without.session, lambda _: WELL)))
    assert worse(found) == []
    assert "none is needed" in about(found, "key").sentence


def test_without_calls_no_exchange_is_asked(real: Doctor) -> None:
    case = case_of(real.session, lambda _: pytest.fail("asked"), DoctorOptions(calls=False))
    (row,) = exchange_is_fit(case)
    assert (row.health, row.sentence) == ("ok", "not asked: --no-calls")


def test_with_unusable_settings_no_exchange_is_asked(real: Doctor) -> None:
    broken = real.setting(TIMEFRAME="7m").session
    assert list(exchange_is_fit(case_of(broken, lambda _: pytest.fail("asked")))) == []


def test_a_sandbox_that_does_not_run_is_not_asked(session: Session) -> None:
    (row,) = exchange_is_fit(case_of(session, lambda _: pytest.fail("asked")))
    assert (row.health, row.subject) == ("ok", "sandbox")


def test_somebody_who_waits_is_told_for_what(real: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(type(real.session.screen), "progress", lambda _, text: told.append(text))
    list(exchange_is_fit(case_of(real.session, lambda _: WELL, DoctorOptions())))
    assert told == ["Asking exchange binance "]


def test_the_settings_of_the_bot_are_what_is_asked_with(real: Doctor) -> None:
    asked: list[ExchangeQuestion] = []

    def ask(question: ExchangeQuestion) -> ExchangeAnswer:
        asked.append(question)
        return WELL

    list(exchange_is_fit(case_of(real.session, ask)))
    assert asked[0].pairs == tuple(PAIRS)
    assert asked[0].credentials == {"apiKey": KEY, "secret": SECRET}
