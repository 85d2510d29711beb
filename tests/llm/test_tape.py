import hashlib
import json
import multiprocessing
import os
import sqlite3
import threading
import zlib
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from journaling import at_most
from llm_modules.errors import JournalError
from llm_modules.llm import attempts
from llm_modules.llm.attempts import Attempt, Response, Texts, request_hash_of, tape_id_of
from llm_modules.llm.rows import VERSION
from llm_modules.llm.tape import Tape

SYSTEM = {"role": "system", "content": "You trade futures. " * 50}
TOOLS = [{"type": "function", "function": {"name": "signal_wait", "parameters": {}}}]
ANSWER = {"id": "chatcmpl-1", "choices": [{"message": {"content": "wait"}}]}


def a_request(text: str = "what now?", **changes: Any) -> dict[str, Any]:
    request = {
        "provider": "0123456789abcdef",
        "model": "test-model",
        "messages": [SYSTEM, {"role": "user", "content": text}],
        "temperature": 0.6,
        "tools": TOOLS,
        "tool_choice": "required",
    }
    return request | changes


def put(tape: Tape, text: str = "what now?", **changes: Any) -> str:
    values: dict[str, Any] = {
        "answer": ANSWER,
        "error": None,
        "at": NOON,
        "latency_seconds": 0.5,
    }
    values |= changes
    return tape.record(a_request(text), values.pop("answer"), **values)


def read(tape: Tape, name: str) -> Attempt:
    found = tape.read(name)
    assert found is not None
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "llm_tape.sqlite"


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def ids(path: Path) -> set[str]:
    """The ids of all attempts."""
    return {tape_id for (tape_id,) in rows(path, "SELECT id FROM attempts")}


def test_what_was_sent_and_what_came_back_are_read_whole(path: Path) -> None:
    tape = Tape(path)
    name = put(tape)
    assert tape.read(name) == Attempt(
        id=name,
        nth=1,
        at=NOON,
        model="test-model",
        request=a_request(),
        answer=ANSWER,
        error=None,
        latency_seconds=0.5,
    )


def test_another_process_reads_what_is_still_being_written(path: Path) -> None:
    tape = Tape(path)
    name = put(tape)
    assert read(Tape(path), name).answer == ANSWER
    second = put(tape)
    assert read(Tape(path), second).nth == 2


def test_a_failed_attempt_has_an_error_and_no_answer(path: Path) -> None:
    tape = Tape(path)
    found = read(tape, put(tape, answer=None, error="timeout: too late"))
    assert (found.answer, found.error) == (None, "timeout: too late")


def test_the_same_request_asked_again_is_the_next_attempt(path: Path) -> None:
    tape = Tape(path)
    names = [put(tape, answer={"n": number}) for number in range(3)]
    assert len(set(names)) == 3
    assert [read(tape, name).nth for name in names] == [1, 2, 3]
    assert [read(tape, name).answer for name in names] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_an_id_follows_from_request_and_nth_alone(path: Path) -> None:
    tape = Tape(path)
    names = [put(tape), put(tape)]
    request_hash = Texts().add_request(a_request())
    assert names == [tape_id_of(request_hash, 1), tape_id_of(request_hash, 2)]
    assert put(Tape(path.with_name("other")), answer=None, at=NOON + timedelta(1)) == names[0]
    assert all(len(name) == 16 for name in names)


def test_ids_are_those_of_every_tape_there_is(path: Path) -> None:
    assert [put(Tape(path)), put(Tape(path))] == ["0e825575ebb3b086", "c880ae3a3960c3c8"]
    request_hash = "989e7ec625c124e81afe365f0dba538e"
    assert rows(path, "SELECT DISTINCT request FROM attempts") == [(request_hash,)]


def test_the_tables_are_those_of_every_tape_there_is(path: Path) -> None:
    put(Tape(path))
    columns = "SELECT group_concat(name) FROM pragma_table_info('{}')"
    assert rows(path, columns.format("texts")) == [("hash,body",)]
    names = "id,request,nth,at,model,answer,error,latency_seconds"
    assert rows(path, columns.format("attempts")) == [(names,)]
    assert rows(path, "PRAGMA user_version") == [(1,)]


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "other"},
        {"model": "other"},
        {"temperature": 0.7},
        {"messages": [SYSTEM]},
        {"tools": []},
        {"tool_choice": "auto"},
        {"max_tokens": 5},
    ],
)
def test_whatever_is_asked_otherwise_is_another_request(changes: dict[str, Any]) -> None:
    assert Texts().add_request(a_request(**changes)) != Texts().add_request(a_request())


def test_a_request_is_named_alike_whether_it_is_stored_or_looked_up() -> None:
    assert request_hash_of(a_request()) == Texts().add_request(a_request())
    assert request_hash_of(a_request()) == "989e7ec625c124e81afe365f0dba538e"


def test_the_order_of_the_keys_makes_no_other_request() -> None:
    reordered = dict(reversed(a_request().items()))
    assert Texts().add_request(reordered) == Texts().add_request(a_request())


LONG = st.integers(-(2**70), 2**70) | st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63) - 1])
SPOKEN = st.recursive(
    st.none() | st.booleans() | LONG | st.floats() | st.text() | st.just("\ud800 \x7f é…😀"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(SPOKEN)
def test_what_is_read_is_what_was_written_type_and_all(value: Any) -> None:
    text = attempts.canonical(value)
    read = attempts.unpacked(attempts.text_hash(text), zlib.compress(text))
    # As text: to Python 1 is 1.0 and true, and NaN is not itself.
    assert repr(read) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        b"1e999",
        b"-0",
        b"[1, 1.0]",
        b'{"b":1,"a":2,"b":3}',
        b"\xef\xbb\xbf1",
        b"[" * 200 + b"]" * 200,
    ],
)
def test_what_somebody_else_wrote_is_read_as_python_reads_it(text: bytes) -> None:
    read = attempts.unpacked(attempts.text_hash(text), zlib.compress(text))
    assert repr(read) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"", b"01", b"{", b"1e", b"'a'", b"\xff"])
def test_what_is_no_json_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        attempts.unpacked(attempts.text_hash(text), zlib.compress(text))


def test_the_nth_response_to_a_request_is_found_by_its_hash(path: Path) -> None:
    tape, name = Tape(path), request_hash_of(a_request())
    assert tape.response(name, 1) is None
    first = put(tape)
    second = put(tape, answer=None, error="timeout: too late", at=NOON + timedelta(1))
    put(tape, "another")
    assert tape.response(name, 1) == Response(first, NOON, ANSWER, None, 0.5)
    late = Response(second, NOON + timedelta(1), None, "timeout: too late", 0.5)
    assert Tape(path).response(name, 2) == late
    assert tape.response(name, 3) is None
    assert tape.response(name, 0) is None


def test_attempts_are_counted(path: Path) -> None:
    tape = Tape(path)
    assert tape.count() == 0
    put(tape)
    put(tape)
    assert (tape.count(), Tape(path).count()) == (2, 2)


def test_what_another_writer_begins_is_found_once_it_is_there(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    reader = Tape(path)
    assert (reader.count(), reader.count()) == (0, 0)
    put(Tape(path))
    assert reader.count() == 1


def closed(path: Path) -> tuple[str, Path]:
    """A tape of one attempt, with nothing beside it: the attempt, and where SQLite keeps a log."""
    tape = Tape(path)
    name = put(tape)
    tape.close()
    return name, path.with_name(f"{path.name}-wal")


def test_a_tape_on_a_disk_that_is_read_only_is_read(path: Path) -> None:
    name, log = closed(path)
    # As there, SQLite cannot make the files that it wants beside it.
    log.mkdir()
    tape = Tape(path)
    assert read(tape, name).answer == ANSWER
    assert tape.count() == 1
    with pytest.raises(JournalError, match="cannot be used"):
        put(tape)
    assert tape.count() == 1


def test_a_tape_whose_newest_part_cannot_be_read_is_told(path: Path) -> None:
    _, log = closed(path)
    elsewhere = path.with_name("log")
    elsewhere.touch()
    # SQLite follows no link: it is there, and cannot be opened.
    log.symlink_to(elsewhere)
    with pytest.raises(JournalError, match="cannot be used"):
        Tape(path).count()


def test_a_tape_that_somebody_has_for_himself_is_not_read_past_him(path: Path) -> None:
    closed(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        tape = Tape(path)
        tape._file._patience_seconds = 0.0
        with pytest.raises(JournalError, match="locked"):
            tape.count()


def test_rules_and_tools_are_stored_once(path: Path) -> None:
    tape = Tape(path)
    for number in range(10):
        put(tape, f"candle {number}", answer={"n": number})
    # Rules and tool; then a message, a request and an answer each time.
    assert rows(path, "SELECT count(*) FROM texts") == [(2 + 10 * 3,)]


def test_texts_are_compressed(path: Path) -> None:
    put(Tape(path), "word " * 10_000)
    assert b"word word" not in path.read_bytes()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 120_000


@pytest.mark.parametrize("table", ["texts", "attempts"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET rowid = 1"])
def test_what_is_on_the_tape_stays_as_it_is(path: Path, table: str, change: str) -> None:
    put(Tape(path))
    column = "body = x''" if table == "texts" else "answer = NULL"
    statement = change.format(table).replace("rowid = 1", column)
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(path)) as connection, refused:
        connection.execute(statement)


def test_reading_never_makes_a_tape(path: Path) -> None:
    tape = Tape(path)
    assert tape.read("x") is None
    tape.close()
    assert not path.parent.exists()


def test_a_tape_that_is_only_just_begun_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert Tape(path).read("x") is None
    assert read(Tape(path), put(Tape(path))).nth == 1


def test_an_id_that_is_not_on_the_tape_leads_to_nothing(path: Path) -> None:
    tape = Tape(path)
    name = put(tape)
    assert tape.read(name[::-1]) is None
    assert read(tape, name).id == name


def test_who_has_read_can_write_and_who_has_closed_can_go_on(path: Path) -> None:
    first = put(Tape(path))
    tape = Tape(path)
    assert read(tape, first).nth == 1
    second = put(tape)
    tape.close()
    third = put(tape)
    assert ids(path) == {first, second, third}


def test_a_tape_is_one_file_when_it_was_closed(path: Path) -> None:
    tape = Tape(path)
    put(tape)
    tape.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_it_is_made_on_one_thread_and_used_on_another(path: Path) -> None:
    tape = Tape(path)
    names = [put(tape)]
    threads = [threading.Thread(target=lambda: names.append(put(tape))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(path) == set(names)
    assert len(names) == 9


def _write(path: Path, writer: int, count: int) -> None:
    tape = Tape(path)
    for number in range(count):
        put(tape, answer={"writer": writer, "number": number})
    tape.close()


def test_a_reader_replays_what_several_processes_are_writing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, writer, 100)) for writer in range(2)]
    for process in writers:
        process.start()
    tape, name, seen = Tape(path), request_hash_of(a_request()), []
    # As fast as it can: whatever is there once is whole, and the next asking comes after it.
    while len(seen) < 200:
        response = tape.response(name, len(seen) + 1)
        if response is not None and response.answer is not None:
            seen.append(response.answer)
        assert response is not None or any(one.is_alive() for one in writers) or len(ids(path)) > 0
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    for writer in range(2):
        assert [one["number"] for one in seen if one["writer"] == writer] == list(range(100))


def test_processes_that_write_at_once_lose_and_repeat_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, writer, 50)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    tape = Tape(path)
    found = [read(tape, name) for name in ids(path)]
    assert sorted(one.nth for one in found) == list(range(1, 151))
    for writer in range(3):
        mine = [one for one in found if one.answer and one.answer["writer"] == writer]
        ordered = sorted(mine, key=lambda one: one.nth)
        assert [one.answer["number"] for one in ordered if one.answer] == list(range(50))


def _write_and_die(path: Path) -> None:
    tape = Tape(path)
    for number in range(20):
        put(tape, answer={"number": number})
    os._exit(9)


def test_what_was_recorded_before_a_kill_is_there(path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert len(ids(path)) == 20
    tape = Tape(path)
    assert read(tape, put(tape)).nth == 21


def test_a_tape_that_is_locked_is_waited_for_and_then_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_modules.llm.sqlite_file.PATIENCE_SECONDS", 0.05)
    tape = Tape(path)
    first = put(tape)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match=r"llm_tape.sqlite cannot be used: .*locked"):
            put(tape)
        assert read(Tape(path), first).answer == ANSWER
        with pytest.raises(JournalError):
            put(tape)
        other.execute("ROLLBACK")
    assert put(tape) in ids(path)


def test_only_the_first_of_several_failures_is_waited_for(path: Path) -> None:
    tape = Tape(path)
    put(tape)
    assert tape._file._patience_seconds == 1.0
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError):
            put(tape)
        assert tape._file._patience_seconds == 0.0
        other.execute("ROLLBACK")
    put(tape)
    assert tape._file._patience_seconds == 1.0


def test_a_full_disk_is_told_and_leaves_nothing_half_written(path: Path) -> None:
    tape = Tape(path)
    first = put(tape)
    with at_most(path.stat().st_size), pytest.raises(JournalError, match="cannot be used"):
        put(tape, os.urandom(50_000).hex())
    assert ids(path) == {first}
    assert put(tape) in ids(path)


def test_a_folder_that_cannot_be_made_is_told(path: Path) -> None:
    path.parent.touch()
    with pytest.raises(JournalError, match="cannot be used"):
        put(Tape(path))


@pytest.mark.parametrize("gone", ["removed", "replaced"])
def test_a_tape_that_was_taken_away_goes_on_in_a_new_file(path: Path, gone: str) -> None:
    tape = Tape(path)
    first = put(tape)
    path.unlink()
    if gone == "replaced":
        other = Tape(path)
        put(other, "another")
        other.close()
    second = put(tape)
    assert second in ids(path)
    assert first == second
    assert read(tape, second).nth == 1


def test_a_file_that_is_read_and_taken_away_can_be_written_anew(path: Path) -> None:
    name = put(Tape(path))
    tape = Tape(path)
    read(tape, name)
    path.unlink()
    assert put(tape) in ids(path)


def look(tape: Tape) -> None:
    tape.read("x")


@pytest.mark.parametrize("act", [put, look])
def test_a_damaged_file_is_told_with_what_to_do(path: Path, act: Any) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(JournalError, match=r"is damaged \(.*\): move it away"):
        act(Tape(path))
    path.unlink()
    assert put(Tape(path))


@pytest.mark.parametrize("act", [put, look])
@pytest.mark.parametrize(
    ("version", "told"),
    [(VERSION + 1, "is a tape of version 2, known is 1"), (0, "is no tape of ours")],
)
def test_a_file_that_is_not_ours_to_write_is_refused(
    path: Path, act: Any, version: int, told: str
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE things (name)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=told):
        act(Tape(path))
    assert path.read_bytes() == before


def forged(path: Path, name: str, body: bytes | None) -> None:
    """Put another body, or none, where a text was; the triggers are taken away first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("DELETE FROM texts WHERE hash = ?", (name,))
        if body is not None:
            connection.execute("INSERT INTO texts VALUES (?, ?)", (name, body))


@pytest.mark.parametrize(
    "body",
    [None, b"no zlib", zlib.compress(b'"another text"'), zlib.compress(b" " * 10_000_000), "text"],
)
def test_a_text_that_is_not_what_was_written_is_told(path: Path, body: Any) -> None:
    tape = Tape(path)
    name = put(tape)
    forged(path, Texts().add(ANSWER), body)
    with pytest.raises(JournalError, match="is damaged"):
        tape.read(name)
    assert name in ids(path)
    assert read(tape, put(tape, answer={"another": 1})).answer == {"another": 1}


@pytest.mark.parametrize("request_text", ["3", "{}", '{"plain": {}, "lists": []}'])
def test_a_request_that_is_none_is_told(path: Path, request_text: str) -> None:
    put(Tape(path))
    body = request_text.encode()
    name = hashlib.sha256(body).hexdigest()[:32]
    forged(path, name, zlib.compress(body))
    row = ("x", name, 1, NOON.isoformat(), "m", None, None, 0.1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    with pytest.raises(JournalError, match="is damaged"):
        Tape(path).read("x")


@pytest.mark.parametrize("column", ["at", "error", "nth", "latency_seconds"])
def test_a_row_with_columns_of_other_types_is_told(path: Path, column: str) -> None:
    put(Tape(path))
    row = {"id": "x", "request": "r", "nth": 1, "at": NOON.isoformat(), "model": "m"}
    row |= {"answer": None, "error": None, "latency_seconds": 0.1, column: b"bytes"}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*row.values()])
        connection.commit()
    with pytest.raises(JournalError, match="columns of other types"):
        Tape(path).read("x")


@pytest.mark.parametrize("answer", [{"a": {1, 2}}, {"a": b"x"}])
def test_what_is_no_json_is_refused_before_the_file_is_touched(path: Path, answer: Any) -> None:
    with pytest.raises(JournalError, match="as JSON"):
        put(Tape(path), answer=answer)
    assert not path.exists()


def test_an_answer_without_end_is_refused(path: Path) -> None:
    answer: dict[str, Any] = {}
    answer["a"] = answer
    with pytest.raises(JournalError, match="as JSON"):
        put(Tape(path), answer=answer)


def test_an_answer_that_is_nested_too_deeply_is_refused(path: Path) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(JournalError, match="as JSON"):
        put(Tape(path), answer={"a": value})


def test_a_request_that_names_no_model_is_of_none(path: Path) -> None:
    tape = Tape(path)
    name = tape.record({"messages": []}, ANSWER, error=None, at=NOON, latency_seconds=0.5)
    assert read(tape, name).model == ""


def test_an_empty_answer_is_an_answer(path: Path) -> None:
    tape = Tape(path)
    assert read(tape, put(tape, answer={})).answer == {}


def test_the_longest_answer_of_the_transport_fits() -> None:
    longest = "\u4e2d" * (1_000_000 // 3)
    assert len(json.dumps(longest)) < attempts.LARGEST_TEXT_BYTES
    texts = Texts()
    name = texts.add(longest)
    assert attempts.unpacked(name, texts.by_hash[name]) == longest


def test_a_text_that_no_answer_could_be_is_not_unpacked() -> None:
    bomb = b" " * attempts.LARGEST_TEXT_BYTES + b"1"
    name = attempts.text_hash(bomb)
    with pytest.raises(ValueError, match="not what was written"):
        attempts.unpacked(name, zlib.compress(bomb))
    fits = bomb[1:]
    assert attempts.unpacked(attempts.text_hash(fits), zlib.compress(fits)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_any_request_is_put_together_again(request: dict[str, Any]) -> None:
    texts = Texts()
    name = texts.add_request(request)

    def text(of: str) -> Any:
        return attempts.unpacked(of, texts.by_hash[of])

    assert attempts.rebuilt_request(text(name), text) == request


def test_half_a_surrogate_pair_is_kept(path: Path) -> None:
    tape = Tape(path)
    answer = {"text": "\ud800 \u4e2d\u6587"}
    assert read(tape, put(tape, answer=answer)).answer == answer
