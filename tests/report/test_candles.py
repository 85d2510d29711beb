import http.server
import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from backtest_report_scenes import waving
from builders import NOON, PAIR, a_closed_trade
from llm_modules.domain import Candles
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.session import Session
from llm_modules.report.candles import Source, Wanted, find, no_candles
from llm_modules.report.market import LEAST_MARGIN, sources, traded_pairs
from llm_modules.report.replayed_candles import ReplayedCandles
from llm_modules.report.served_candles import COLUMNS, ServedCandles
from llm_modules.report.stored_candles import StoredCandles
from report_weeks import END, START, Bot, market, store_candles
from shipped import DATA

HOUR = timedelta(hours=1)
WANTED = Wanted(PAIR, "30m", NOON, NOON + 5 * HOUR)


def having(candles: Candles, name: str = "one") -> Source:
    return Source(name, lambda _wanted: candles)


def nobody(_wanted: Wanted) -> Candles:
    raise AssertionError("the first source has it all")


def test_a_source_that_has_all_is_enough() -> None:
    found, names = find(WANTED, (having(waving(48, NOON - HOUR)), Source("two", nobody)))
    assert names == ("one",)
    assert len(found) == 10
    assert found.open_times[0] == NOON.timestamp() * 1000


def test_what_one_source_lacks_another_adds_and_the_first_is_believed() -> None:
    early = waving(5, NOON)
    late = replace(waving(8, NOON + HOUR), close=np.full(8, 7.0))
    found, names = find(WANTED, (having(late, "late"), having(early, "early")))
    assert names == ("late", "early")
    assert np.diff(found.open_times).tolist() == [1_800_000] * 9
    assert found.close[:2].tolist() == early.close[:2].tolist()
    assert set(found.close[2:]) == {7.0}


def test_sources_without_a_candle_are_not_named() -> None:
    found, names = find(WANTED, (having(no_candles("30m")), having(waving(9, NOON - 9 * HOUR))))
    assert (len(found), names, found.timeframe) == (0, (), "30m")


@pytest.mark.parametrize(
    ("rows", "start", "is_enough"),
    [
        (10, NOON, True),
        (9, NOON, True),
        (8, NOON, False),
        (10, NOON + HOUR, False),
        (1, NOON, False),
    ],
)
def test_the_next_source_is_asked_where_more_than_a_candle_is_missing(
    rows: int, start: datetime, is_enough: bool
) -> None:
    _, names = find(WANTED, (having(waving(rows, start)), having(waving(48, NOON - HOUR), "two")))
    assert names == (("one",) if is_enough else ("one", "two"))


# --- stored by Freqtrade ---


def test_stored_candles_are_those_of_the_file(tmp_path: Path) -> None:
    store_candles(tmp_path, PAIR)
    found = StoredCandles(tmp_path)(WANTED)
    assert found.open_times.tolist() == market(PAIR).at.tolist()
    assert np.allclose(found.close, market(PAIR).close)


def test_dates_in_nanoseconds_are_read_too(tmp_path: Path) -> None:
    path = store_candles(tmp_path, PAIR)
    table = feather.read_table(path)
    dates = table.column("date").cast(pa.timestamp("ns", tz="UTC"))
    feather.write_feather(table.set_column(0, "date", dates), path)
    assert StoredCandles(tmp_path)(WANTED).open_times.tolist() == market(PAIR).at.tolist()


def test_a_file_that_is_missing_damaged_or_foreign_has_no_candles(tmp_path: Path) -> None:
    stored = StoredCandles(tmp_path)
    assert len(stored(WANTED)) == 0
    path = store_candles(tmp_path, PAIR)
    feather.write_feather(pa.table({"date": [1]}), path)
    assert len(stored(WANTED)) == 0
    path.write_bytes(b"no feather")
    assert len(stored(WANTED)) == 0


@pytest.mark.parametrize("pair", ["../../secrets", "/etc/passwd", "\x00", "a" * 5000])
def test_a_pair_out_of_a_journal_leads_to_no_other_folder(tmp_path: Path, pair: str) -> None:
    stored = StoredCandles(tmp_path)
    wanted = replace(WANTED, pair=pair, timeframe="../1m")
    assert stored._path(wanted).parent == tmp_path / "futures"
    assert len(stored(wanted)) == 0


# --- the sandbox's replay ---


def an_anchor(folder: Path, at: datetime = NOON) -> Path:
    path = folder / "sandbox.json"
    path.write_text(json.dumps({"anchor": at.isoformat()}), encoding="utf-8")
    return path


def test_the_sandbox_replays_what_it_showed(tmp_path: Path) -> None:
    replayed = ReplayedCandles(DATA, an_anchor(tmp_path))
    found, _ = find(WANTED, (Source("replay", replayed),))
    assert len(found) == 10
    assert found.open_times[0] == NOON.timestamp() * 1000
    assert (found.low <= found.close).all()
    # A coin of tens of thousands of dollars, not of ticks.
    assert 10_000 < found.close[0] < 500_000
    minutes = replayed(replace(WANTED, timeframe="1m", end=NOON + HOUR))
    assert minutes.close[29] == found.close[0]


@pytest.mark.parametrize("changes", [{"pair": "XYZ/USDT:USDT"}, {"timeframe": "7m"}])
def test_what_the_sandbox_does_not_list_has_no_candles(tmp_path: Path, changes: Any) -> None:
    replayed = ReplayedCandles(DATA, an_anchor(tmp_path))
    assert len(replayed(replace(WANTED, **changes))) == 0


def test_a_sandbox_that_is_gone_has_no_candles_and_is_not_begun_anew(tmp_path: Path) -> None:
    anchor = tmp_path / "sandbox.json"
    assert len(ReplayedCandles(DATA, anchor)(WANTED)) == 0
    assert not anchor.exists()


def test_a_damaged_sandbox_has_no_candles(tmp_path: Path) -> None:
    anchor = an_anchor(tmp_path)
    assert len(ReplayedCandles(tmp_path, anchor)(WANTED)) == 0
    anchor.write_text("{}", encoding="utf-8")
    assert len(ReplayedCandles(DATA, anchor)(WANTED)) == 0


# --- the running bot ---


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """A program that answers as Freqtrade's API, and keeps what it was asked."""
    told = SimpleNamespace(answer=b"{}", status=200, asked=[], password="")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(urlsplit(self.path))
            told.password = b64decode(self.headers["Authorization"].split()[1]).decode()
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, *_said: Any) -> None:
            pass

    serving = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    told.port = serving.server_port
    Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
    yield told
    serving.shutdown()
    serving.server_close()


def an_answer(candles: Candles) -> dict[str, Any]:
    names = ("open_times", "open", "high", "low", "close", "volume")
    rows = np.array([getattr(candles, name) for name in names]).T.tolist()
    # As Freqtrade answers: the date comes first, and indicators in between.
    columns = ["date", *COLUMNS[1:], "rsi", "__date_ts"]
    data = [["2026", *row[1:], None, row[0]] for row in rows]
    return {"columns": columns, "data": data}


def test_the_running_bot_is_asked_for_its_candles(server: SimpleNamespace) -> None:
    candles = waving(10, NOON)
    server.answer = json.dumps(an_answer(candles)).encode()
    found = ServedCandles(Api(server.port, "freqtrader", "secret"))(WANTED)
    assert found.open_times.tolist() == candles.open_times.tolist()
    assert found.close.tolist() == candles.close.tolist()
    (asked,) = server.asked
    assert asked.path == "/api/v1/pair_candles"
    assert parse_qs(asked.query) == {"pair": [PAIR], "timeframe": ["30m"]}
    assert server.password == "freqtrader:secret"


def test_candles_with_a_hole_in_them_are_left_out(server: SimpleNamespace) -> None:
    answer = an_answer(waving(3, NOON))
    answer["data"][1][4] = None
    server.answer = json.dumps(answer).encode()
    assert len(ServedCandles(Api(server.port, "", ""))(WANTED)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"columns": [], "data": []}',
        json.dumps({"columns": list(COLUMNS), "data": []}).encode(),
        json.dumps({"columns": list(COLUMNS), "data": [[1, 2]]}).encode(),
        json.dumps({"columns": list(COLUMNS), "data": [["x"] * 6]}).encode(),
        json.dumps({"columns": list(COLUMNS), "data": None}).encode(),
    ],
)
def test_whatever_else_answers_has_no_candles(server: SimpleNamespace, answer: bytes) -> None:
    server.answer = answer
    assert len(ServedCandles(Api(server.port, "", ""))(WANTED)) == 0


def test_a_bot_that_refuses_or_is_gone_has_no_candles(server: SimpleNamespace) -> None:
    server.status = 401
    server.answer = json.dumps(an_answer(waving(3, NOON))).encode()
    assert len(ServedCandles(Api(server.port, "", ""))(WANTED)) == 0
    assert len(ServedCandles(Api(1, "", ""))(WANTED)) == 0


# --- who is asked ---


def names(session: Session, mode: Any) -> list[str]:
    return [one.name for one in sources(session, mode)]


def test_the_sandbox_asks_its_own_market_and_others_asks_the_files(empty: Bot) -> None:
    assert names(empty.session, "sandbox") == ["the sandbox's replay"]
    assert names(empty.session, "live") == ["Freqtrade's stored candles"]


def test_a_bot_is_asked_while_it_runs_in_the_mode_of_the_report(empty: Bot) -> None:
    session = empty.session
    with bot_lock(session.places):
        write_record(session.places, Plan("dry_run", 8086, ()), datetime.now(UTC), ())
        assert names(session, "dry_run")[1:] == ["the running bot"]
        assert names(session, "live")[1:] == []
    assert names(session, "dry_run")[1:] == []


def test_a_pair_is_shown_around_its_trades_and_the_busiest_comes_first() -> None:
    at = START + timedelta(days=10)
    once = a_closed_trade(pair="A", opened_at=at, closed_at=at + HOUR)
    twice = [
        a_closed_trade(pair="B", opened_at=at, closed_at=at + HOUR),
        a_closed_trade(pair="B", opened_at=at + 19 * HOUR, closed_at=at + 20 * HOUR),
    ]
    asked: list[Wanted] = []

    def listening(wanted: Wanted) -> Candles:
        asked.append(wanted)
        return no_candles(wanted.timeframe)

    found = traded_pairs([once, *twice], "30m", END, (Source("nobody", listening),))
    assert [one.pair for one in found] == ["B", "A"]
    assert [len(one.trades) for one in found] == [2, 1]
    busy, quiet = asked
    assert (busy.start, busy.end) == (at - 2 * HOUR, at + 22 * HOUR)
    assert (quiet.start, quiet.end) == (at - LEAST_MARGIN, at + HOUR + LEAST_MARGIN)
    assert quiet.timeframe == "30m"


def test_nothing_after_the_report_is_shown() -> None:
    trade = a_closed_trade(opened_at=END - HOUR, closed_at=END)
    asked: list[Wanted] = []
    source = Source("", lambda wanted: asked.append(wanted) or waving(1, NOON))  # type: ignore[func-returns-value]
    traded_pairs([trade], "30m", END, (source,))
    assert asked[0].end == END
