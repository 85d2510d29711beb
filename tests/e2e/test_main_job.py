"""The main job, end to end: the real Freqtrade; only exchange and model are simulated."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freqtrade_client import FtRestClient

from builders import ENTRY_ARGUMENTS
from llm_modules.journal.records import DecisionRecord, HaltRecord, OutcomeRecord, TradeRecord
from llm_modules.market.indicators import INDICATORS
from llm_modules.operations.running.web_ui import installed_folder, is_installed
from running_bot import RunningBot

PAIR = "BTC/USDT:USDT"
HOSTILE_PAIR = "DOGE/USDT:USDT"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420), pytest.mark.xdist_group("e2e")]


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBot]:
    running = RunningBot(tmp_path_factory.mktemp("user_data"))
    yield running
    running.stop()


def hostile(**changes: Any) -> dict[str, Any]:
    """An answer that no model should give; NaN cannot be sent as JSON, so all go as text."""
    fields = json.dumps(ENTRY_ARGUMENTS | {"pair": HOSTILE_PAIR} | changes)
    return {"tool": "signal_entry_long", "arguments": fields, "pair": HOSTILE_PAIR}


def of_pair(bot: RunningBot, pair: str) -> list[DecisionRecord]:
    lines = [line for line in bot.decisions() if isinstance(line, DecisionRecord)]
    return [line for line in lines if line.pair == pair]


def filled(bot: RunningBot, tool: str) -> list[OutcomeRecord]:
    return [
        line
        for line in bot.decisions()
        if isinstance(line, OutcomeRecord) and (line.tool, line.outcome) == (tool, "filled")
    ]


def closed_by_model(bot: RunningBot, side: str) -> bool:
    return any(trade.side == side and trade.exit_reason == "signal_exit" for trade in bot.trades())


def test_decisions_appear_and_the_api_answers(bot: RunningBot) -> None:
    bot.wait_for("a first decision", bot.decisions, 60)
    assert bot.api("ping") == {"status": "pong"}
    assert bot.api("show_config")["trading_mode"] == "futures"
    assert "SIMULATED" in bot.said().upper()
    modes = {line.mode for line in bot.decisions() if isinstance(line, DecisionRecord)}
    assert modes == {"sandbox"}
    bot.set_model_faults(
        answer=[
            hostile(leverage=float("nan")),
            hostile(leverage=500),
            hostile(pair="BTC/USDT:USDT"),
        ]
    )


def test_both_directions_are_opened_adjusted_and_closed_by_the_model(bot: RunningBot) -> None:
    for tool in ("signal_entry_long", "signal_entry_short"):
        bot.wait_for(f"{tool} filled", lambda tool=tool: filled(bot, tool), 120)
    bot.wait_for("an adjustment filled", lambda: filled(bot, "adjust_position"), 150)
    for side in ("long", "short"):
        bot.wait_for(f"a {side} closed", lambda side=side: closed_by_model(bot, side), 240)


def test_profit_in_the_journal_is_freqtrades_own(bot: RunningBot) -> None:
    # In this order, here and below: meanwhile another trade may close.
    records = bot.trades()
    stored = {trade["trade_id"]: trade for trade in bot.api("trades?limit=100")["trades"]}
    for record in records:
        assert record.profit_ratio == pytest.approx(stored[record.trade_id]["profit_ratio"])
        assert record.profit_abs == pytest.approx(stored[record.trade_id]["profit_abs"], abs=1e-6)


def test_every_id_leads_to_its_decision(bot: RunningBot) -> None:
    trades = bot.trades()
    known = {line.decision_id for line in bot.decisions() if isinstance(line, DecisionRecord)}
    for trade in trades:
        assert trade.entry is not None
        assert trade.entry.decision_id in known
        if trade.exit_reason == "signal_exit":
            assert trade.exit_decision_id in known
            assert trade.model_score is not None


def test_journals_tape_and_database_tell_the_same_story(bot: RunningBot) -> None:
    said = bot.command("verify").stdout
    assert re.search(r"tradesv3\.sandbox\.sqlite: [1-9]\d* closed trades", said)
    assert re.search(r"llm_tape\.sqlite: [1-9]\d* attempts", said)
    assert "not filled" not in said
    assert said.rstrip().endswith("every id and every profit fits.")


def taught_and_next(bot: RunningBot) -> tuple[TradeRecord, DecisionRecord] | None:
    """A trade that taught something, and the first decision of its pair after its close."""
    for trade in bot.trades():
        later = [line for line in of_pair(bot, trade.pair) if line.candle_at > trade.closed_at]
        if trade.reflection.lessons and later:
            return trade, later[0]
    return None


def test_the_lesson_of_a_closed_trade_is_in_the_next_prompt_of_its_pair(bot: RunningBot) -> None:
    bot.wait_for("a decision after a lesson", lambda: taught_and_next(bot), 150)
    found = taught_and_next(bot)
    assert found is not None
    trade, decision = found
    story = bot.command("decisions", "--show", decision.decision_id).stdout
    lesson, *_ = (item for item in trade.reflection.findings if item.stands)
    assert re.search(rf"\| .*\b{lesson.code}\b", story)
    assert f"#{trade.trade_id}" in story
    review = bot.command("trades", "--show", str(trade.trade_id)).stdout
    assert trade.reflection.lessons[0] in " ".join(review.split())


def test_decisions_are_drawn_on_the_chart(bot: RunningBot) -> None:
    for pair in ("BTC/USDT:USDT", "SOL/USDT:USDT"):
        shown = bot.api(f"pair_candles?pair={pair}&timeframe=1m&limit=100")
        labels = [annotation["label"] for annotation in shown["annotations"]]
        short = [label for label in labels if re.fullmatch(r"[LSXAHW]\d+|x[LSXAHW]|\?", label)]
        spelled_out = [label for label in labels if "\n" in label]
        assert len(labels) >= 3
        assert len(short) + len(spelled_out) == len(labels)
        assert any("Scripted" in label for label in spelled_out)
        assert "ema_20" in shown["columns"]


def test_the_api_gives_its_own_client_what_the_web_ui_draws(bot: RunningBot) -> None:
    client = FtRestClient(f"http://127.0.0.1:{bot.api_port}", "freqtrader", "e2e")
    shown = client.pair_candles("BTC/USDT:USDT", "1m", limit=100)
    drawn = client.plot_config()
    named = {*drawn["main_plot"], *(name for panel in drawn["subplots"].values() for name in panel)}

    assert client.ping() == {"status": "pong"}
    assert client.show_config()["strategy"] == "LLMFunctionStrategy"
    assert isinstance(client.status(), list)
    assert named <= set(shown["columns"])
    assert named == {name for names, _ in INDICATORS for name in names}
    assert shown["annotations"]


def test_thesis_scores_and_lesson_are_kept_with_each_trade(bot: RunningBot) -> None:
    client = FtRestClient(f"http://127.0.0.1:{bot.api_port}", "freqtrader", "e2e")
    record = next(trade for trade in bot.trades() if trade.exit_reason == "signal_exit")

    def kept() -> dict[str, Any]:
        (told,) = client.list_custom_data(record.trade_id)
        return {entry["key"]: entry["value"] for entry in told["custom_data"]}

    bot.wait_for("the review of a closed trade", lambda: "review" in kept(), 20)
    found = kept()
    assert record.entry is not None
    assert found["thesis"]["reason"] == record.entry.reason
    assert found["model_exit"]["trade_score"] == record.model_score
    assert found["review"]["lessons"] == list(record.reflection.lessons)
    assert found["review"]["score"] == record.evaluation.score


def test_prompt_shows_what_the_running_bot_would_ask(bot: RunningBot) -> None:
    shown = json.loads(bot.command("--json", "--pair", PAIR, module="llm_modules.preview").stdout)
    asked = [line for line in of_pair(bot, PAIR) if line.status != "skipped"]

    assert (shown["candles"], shown["timeframe"]) == ("running sandbox", "1m")
    assert shown["templates"] == asked[-1].templates
    assert "## " in shown["messages"][1]["content"]
    bot.wait_for("another decision", lambda: len(of_pair(bot, PAIR)) > len(asked), 90)
    candles = {line.candle_at.isoformat(): line.prompt_hash for line in of_pair(bot, PAIR)}
    assert shown["candle_at"] in candles


def test_the_page_opens_in_a_browser_where_the_web_ui_is_installed(bot: RunningBot) -> None:
    if not is_installed(installed_folder()):
        pytest.skip("the Web UI is not installed: freqtrade install-ui needs the internet")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    page = subprocess.run(  # noqa: S603 - a browser on loopback
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--virtual-time-budget=10000", f"http://127.0.0.1:{bot.api_port}/"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "FreqUI" in page.stdout


def test_hostile_answers_did_nothing_and_the_bot_went_on(bot: RunningBot) -> None:
    failed = [line for line in of_pair(bot, HOSTILE_PAIR) if line.status == "failed"]
    assert len(failed[0].problems) == 3
    assert any(line.at > failed[0].at for line in of_pair(bot, HOSTILE_PAIR))


def test_no_position_exceeds_the_limits(bot: RunningBot) -> None:
    for trade in bot.api("trades?limit=100")["trades"] + bot.api("status"):
        assert trade["leverage"] <= 10
        assert trade["max_stake_amount"] <= 0.2 * 1000 * 1.05


def test_a_halt_closes_everything_and_after_a_resume_trading_goes_on(bot: RunningBot) -> None:
    bot.wait_for("an open trade", lambda: bot.api("status"), 120)
    bot.command("halt", "a drill")
    bot.wait_for("everything to be closed", lambda: not bot.api("status"), 20)
    assert "a drill" in bot.command("status").stdout
    held = [line for line in bot.decisions() if isinstance(line, HaltRecord)]
    assert [line.event for line in held] == ["halted"]
    assert bot.trades()[-1].exit_reason == "halt"
    bot.command("resume", "--yes")
    bot.wait_for("the next trade", lambda: bot.api("status"), 150)
    after = [line for line in bot.decisions() if isinstance(line, HaltRecord)]
    assert [line.event for line in after] == ["halted", "resumed"]


def test_it_stops_cleanly(bot: RunningBot) -> None:
    children = bot.children()
    assert len(children) >= 2
    bot.stop()
    assert bot.process.returncode == 0, bot.said()
    bot.command("verify")
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    for name in ("llm_decisions.jsonl", "trade_experience.jsonl"):
        assert (bot.logs / name).read_bytes().endswith(b"\n")
    log = bot.log()
    assert "Traceback" not in log
    assert " ERROR " not in log
    assert os.path.exists(bot.logs / "reward_learning.json")  # noqa: PTH110
