"""`./manage.sh prompt` on the shipped candles: what it prints, and that it changes nothing."""

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from builders import a_decision_record, a_trade_record
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.journal.log import JsonlLog
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import read_settings
from llm_modules.preview.main import main

PAIR = "BTC/USDT:USDT"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have what the command does to its process's environment end with the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def user_data(tmp_path: Path) -> Path:
    return a_folder(tmp_path)


def a_folder(parent: Path) -> Path:
    folder = parent / "user_data"
    folder.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        shutil.copy(SHIPPED_USER_DATA / name, folder)
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What programs are told of a bot as it is shipped, looked at once for all tests."""
    heard = io.StringIO()
    with redirect_stdout(heard):
        assert run(a_folder(tmp_path_factory.mktemp("shipped")), "--json") == 0
    return json.loads(heard.getvalue())


def change(user_data: Path, **blocks: Mapping[str, Any]) -> None:
    path = user_data / "config.json"
    settings = read_settings(path)
    for name, changes in blocks.items():
        settings[name] = {**settings[name], **changes}
    path.write_text(json.dumps(settings), encoding="utf-8")


def run(user_data: Path, *options: str, pair: str = PAIR) -> int:
    return main(["--pair", pair, *options, "--user-data", str(user_data)], {})


def told(
    user_data: Path, capsys: pytest.CaptureFixture[str], *options: str, pair: str = PAIR
) -> Any:
    assert run(user_data, "--json", *options, pair=pair) == 0
    return json.loads(capsys.readouterr().out)


def remember(user_data: Path) -> list[Path]:
    """A past of the sandbox in which every lesson is known by its words."""
    logs = user_data / "logs"
    logs.mkdir()
    lesson = a_trade_record(mode="sandbox", pair=PAIR)
    decision = a_decision_record(call={"confidence_score": 61.0, "reason": "wait for the breakout"})
    for name, record in (("llm_decisions", decision), ("trade_experience", lesson)):
        log = JsonlLog(logs / f"{name}.jsonl")
        log.append(record)
        log.close()
    return sorted(path for path in logs.rglob("*") if path.is_file())


def test_everything_that_would_be_sent_is_printed_with_its_tokens(
    user_data: Path, capsys: pytest.CaptureFixture[str], program: Any
) -> None:
    assert run(user_data) == 0
    out = capsys.readouterr().out
    system, user = (one["content"] for one in program["messages"])

    assert f"--- system message ---\n{system}\n\n--- user message ---\n{user}\n" in out
    for one in program["tools"]:
        assert json.dumps(one, separators=(",", ":")) in out
    for section in program["tokens"]["sections"]:
        assert f"\n{section['name']} " in out
    assert "the sandbox does not run: newest of the shipped candles" in out
    assert f"whole                     {program['tokens']['whole']:,}\n" in out
    assert "max_context_tokens        6,000\n" in out


def test_programs_are_told_what_is_real(program: Any) -> None:
    assert (program["pair"], program["timeframe"], program["position"]) == (PAIR, "30m", "none")
    assert (program["candles"], program["model"]) == ("recorded", "scripted-sandbox")
    assert len(program["templates"]) == 16
    assert [one["function"]["name"] for one in program["tools"]] == [
        "signal_entry_long",
        "signal_entry_short",
        "signal_wait",
    ]
    parts = sum(one["tokens"] for one in program["tokens"]["sections"])
    assert abs(parts - program["tokens"]["whole"]) <= len(program["tokens"]["sections"])


def test_a_position_is_made_up_where_none_is_open(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = told(user_data, capsys, "--in-position")
    user = program["messages"][1]["content"]

    assert program["position"] == "made up"
    assert "Made up for this preview" in user
    assert "held_candles=6 " in user
    assert "used_stake=100 open_trades=1" in user
    assert program["tools"][0]["function"]["name"] == "signal_exit"


def test_the_past_is_told_and_nothing_of_the_users_is_changed(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = remember(user_data)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    user = told(user_data, capsys)["messages"][1]["content"]

    assert "wait for the breakout" in user
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before
    assert sorted(path for path in (user_data / "logs").rglob("*") if path.is_file()) == files
    assert {path.name for path in user_data.iterdir()} == {
        *("config.json", "config.sandbox.json", "logs")
    }


def test_full_parts_of_a_journal_are_read_too(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(user_data)
    live = user_data / "logs" / "llm_decisions.jsonl"
    part = live.rename(live.with_name(f"{live.name}.000001"))
    user = told(user_data, capsys)["messages"][1]["content"]

    assert "wait for the breakout" in user
    assert part.exists()


def test_the_users_templates_are_shown_as_the_model_would_see_them(
    user_data: Path, capsys: pytest.CaptureFixture[str], program: Any
) -> None:
    shipped = program["templates"]
    path = user_data / OWN_PROMPTS / "en" / "flat.j2"
    path.parent.mkdir(parents=True)
    path.write_text("Wait, always.", encoding="utf-8")
    own = told(user_data, capsys)

    assert own["messages"][0]["content"] == "Wait, always."
    assert own["templates"] != shipped


def test_what_would_be_spared_is_shown_all_the_same(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(user_data, llm_config={"asking": {"skip_unchanged": True, "flat_every_candles": 9}})
    remember(user_data)

    assert told(user_data, capsys)["messages"][1]["content"].endswith(f"Decide for {PAIR}.")


def test_with_one_question_for_all_pairs_that_question_is_shown(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whitelist = {"pair_whitelist": [PAIR, "ETH/USDT:USDT"]}
    change(user_data, llm_config={"asking": {"scope": "portfolio"}}, exchange=whitelist)
    overlay = read_settings(user_data / "config.sandbox.json")
    overlay["exchange"] |= whitelist
    (user_data / "config.sandbox.json").write_text(json.dumps(overlay), encoding="utf-8")
    program = told(user_data, capsys, "--in-position")

    assert program["messages"][1]["content"].endswith(f"each of {PAIR}, ETH/USDT:USDT.")
    assert len(program["tools"]) == 6


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("BTCUSDT", "--pair: found 'BTCUSDT', expected a futures pair of USDT such as BTC/USDT"),
        ("BTX/USDT:USDT", "--pair: there is no 'BTX/USDT:USDT' here; there is BTC/USDT:USDT, "),
    ],
)
def test_a_pair_that_does_not_exist_is_told_with_those_that_do(
    user_data: Path, capsys: pytest.CaptureFixture[str], pair: str, message: str
) -> None:
    assert run(user_data, pair=pair) == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_prompt_that_does_not_fit_is_told(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(user_data, context_config={"max_context_tokens": 500})

    assert run(user_data) == 2
    assert "tokens: raise context_config.max_context_tokens" in capsys.readouterr().err


def test_a_bad_template_is_told(user_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = user_data / OWN_PROMPTS / "en" / "flat.j2"
    path.parent.mkdir(parents=True)
    path.write_text("{{ markt }}", encoding="utf-8")

    assert run(user_data) == 2
    assert "unknown variable 'markt'" in capsys.readouterr().err


def test_missing_candles_are_told(user_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = user_data / "data" / "binance" / "futures"
    folder.mkdir(parents=True)
    for path in (SHIPPED_USER_DATA / "data" / "binance" / "futures").glob("ETH*"):
        shutil.copy(path, folder)

    assert run(user_data) == 2
    assert "no candles are recorded of BTC/USDT:USDT 30m" in capsys.readouterr().err


def test_an_exchange_that_is_away_is_told_in_a_sentence(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = {"urls": {"api": {"fapiPublic": "http://127.0.0.1:9/fapi/v1"}}}
    only_futures = {"options": {"fetchMarkets": {"types": ["linear"]}}}
    change(
        user_data,
        llm_config={"model": "mine", "api_base": "http://127.0.0.1:9/v1"},
        exchange={"ccxt_config": nowhere | only_futures},
    )
    assert run(user_data) == 1
    error = capsys.readouterr().err

    assert error.startswith("the exchange cannot be looked at: ")
    assert "choose --sandbox, which needs none" in error
    assert "Traceback" not in error


def test_nobody_is_asked(
    user_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a model was asked")

    monkeypatch.setattr(PolicyClient, "ask", asked)
    monkeypatch.setattr("llm_modules.llm.opening.open_client", asked)

    assert told(user_data, capsys)["position"] == "none"


@pytest.mark.parametrize("options", [[], ["--pair"], ["--pair", PAIR, "--nonsense"]])
def test_what_cannot_be_understood_ends_with_status_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options, {})
    assert ended.value.code == 2
