"""What stands on the page: sections, tables and charts of weeks, of nothing, and of an attacker."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backtest_report_scenes import an_equity, waving
from builders import NOON, a_closed_trade, a_decision_record, a_trade_record
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.page import Page as Written
from llm_modules.backtest.report.page import rendered
from llm_modules.backtest.report.section import Section
from llm_modules.journal.records import HaltRecord, Reason
from llm_modules.learning.calibration import Calibration
from llm_modules.report import tables
from llm_modules.report.account import Account
from llm_modules.report.charts import (
    MOST_BARS,
    checks_chart,
    cost_chart,
    drawdown_chart,
    pair_chart,
    patterns_chart,
)
from llm_modules.report.command import gathered
from llm_modules.report.decided import Check
from llm_modules.report.market import TradedPair
from llm_modules.report.page import BANNERS, page_of
from llm_modules.report.reading import read
from llm_modules.report.sections import Told, sections
from llm_modules.report.span import Span
from llm_modules.report.stored import Stored, compare
from llm_modules.report.words import counted
from page_reading import Page
from report_weeks import END, PAIRS, Bot, append, hostile, recorded, some_trades, write_lines
from stored_trades import a_trade, an_order, let_go_of_database, open_database

SPAN = Span("dry_run", END - timedelta(days=30), END)
NAMES = [
    "figures",
    "account",
    "trades",
    "by-pair",
    "decisions",
    "refusals",
    "calibration",
    "patterns",
    "lessons",
    "cost",
    "record",
]
CHARTS = ["equity", "drawdown", "trades-0", "trades-1", "trades-2", "checks", "calibration"]
CHARTS += ["patterns", "cost"]


def told_of(bot: Bot, span: Span = SPAN) -> Told:
    session = bot.session
    return gathered(session, read(session.journals(), span, lambda _file, _count: None))


def written(told: Told, folder: Path) -> Page:
    path = folder / "page.html"
    path.write_text(rendered(page_of(told)), encoding="utf-8")
    return Page(path)


@pytest.fixture(scope="module")
def told(bot: Bot) -> Told:
    return told_of(bot)


@pytest.fixture(scope="module")
def page(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return written(told, tmp_path_factory.mktemp("page"))


def section(told: Told, name: str) -> Section:
    return next(one for one in sections(told) if one.name == name)


def cells(grid: Grid) -> list[str]:
    return [cell for row in grid.rows for cell in row]


def test_every_section_is_there_in_order_with_its_charts(page: Page) -> None:
    assert [name for name in page.texts if name] == NAMES
    assert page.charts == CHARTS


def test_nothing_on_the_page_needs_a_network(page: Page) -> None:
    assert page.links == []
    assert "default-src 'none'" in page.policy
    # All lines are good, so nothing is said of others.
    assert "unreadable" not in page.texts[""]
    assert len(page.scripts) == 2


def test_the_same_bot_makes_the_same_page(told: Told) -> None:
    assert rendered(page_of(told)) == rendered(page_of(told))


def test_the_mode_stands_above_all_in_a_word_and_a_colour(page: Page, told: Told) -> None:
    assert "DRY-RUN" in page.texts[""]
    assert "orders, fills and money are simulated" in page.texts[""]
    assert '<p class="banner warm">' in page.source
    assert len({banner.tone for banner in BANNERS.values()}) == 3
    assert "no money is at stake" in " ".join(BANNERS["sandbox"].sentence.split())


def test_the_figures_to_be_seen_first_are_on_cards(page: Page, told: Told) -> None:
    assert page.source.index('class="cards"') < page.source.index('id="section-figures"')
    assert (
        f"{sum(t.profit_abs > 0 for t in some_trades())} of {len(some_trades())}" in page.texts[""]
    )


def test_the_result_is_that_of_the_trades(page: Page) -> None:
    rows = {row[0]: row[1:] for row in page.tables["figures"]}
    profit = sum(trade.profit_abs for trade in some_trades())
    assert rows["profit of closed trades"][0] == f"{profit:+,.2f} USDT"
    assert rows["trades won"][1] == f"{len(some_trades())} trades"


def test_each_pair_has_its_candles_and_its_reasons(told: Told) -> None:
    found = section(told, "trades")
    assert sorted(one.title.split(":")[0] for one in found.charts) == sorted(
        pair.split(":", maxsplit=1)[0] for pair in PAIRS
    )
    traces = {trace.name: trace for trace in found.charts[0].figure.data}
    assert len(traces["candles"].x) > 500
    hovers = found.charts[0].figure.data[-1].hovertext
    assert any("Confidence" in one and "RSI" in one for one in hovers)
    assert any("Lesson:" in one for one in hovers)


def test_without_candles_trades_are_drawn_alone_and_it_is_said() -> None:
    trade = a_closed_trade()
    nothing = waving(0, NOON)
    chart = pair_chart(0, TradedPair("X", (trade,), nothing, ()), "USDT", lambda _trade: None)
    assert [trace.name for trace in chart.figure.data] == ["won", "won"]
    assert "No candles of this pair were found" in chart.note
    candles = TradedPair("X", (trade,), waving(9, NOON), ("a file",))
    assert "found" not in pair_chart(0, candles, "USDT", lambda _trade: None).note


def test_the_newest_trades_are_told_in_words(told: Told) -> None:
    (folded,) = section(told, "trades").tables
    assert folded.title == f"The newest {len(some_trades())} trades in words"
    newest = max(some_trades(), key=lambda one: one.closed_at)
    number, what, result, reason, lesson = folded.grid.rows[0]
    assert number == f"#{newest.trade_id}"
    assert what.startswith(f"{newest.pair} {newest.side} 3x, ")
    assert f"({100 * newest.profit_ratio:+.1f} %)" in result
    assert newest.entry is not None
    assert reason == newest.entry.reason
    assert lesson == (newest.reflection.lessons or (newest.reflection.summary,))[0]


def test_only_so_many_trades_are_told_in_words_and_unexplained_ones_say_so() -> None:
    many = [a_trade_record(trade_id=number, entry=None) for number in range(101)]
    grid = tables.trades(many, "USDT", lambda _trade: None)
    assert len(grid.rows) == tables.NEWEST_TRADES
    assert grid.rows[0][3:] == ("-", "-")


def test_trades_are_broken_down_by_what_they_have_in_common(told: Told) -> None:
    found = section(told, "by-pair")
    assert found.grids[0].rows[-1][0] == "all pairs"
    rows = {row[0]: row[1:] for row in found.tables[0].grid.rows}
    assert rows["exit: signal_exit"][0].isdecimal()
    titles = {title.split(":")[0] for title in rows}
    assert titles == {"market at entry", "hour of entry (UTC)", "leverage", "confidence", "exit"}


def test_decisions_are_counted_by_tool_and_verdict(told: Told) -> None:
    found = section(told, "decisions")
    rows = {row[0]: row[1:] for row in found.grids[0].rows}
    decided = told.facts.decided
    assert rows["signal_wait"][3] == f"{decided.count('failed')}"
    assert rows["all"][-1] == f"{decided.n:,}"
    assert "on 3 pairs by deepseek-v4-flash" in found.sentences[0]


def test_what_the_gate_refused_is_told_by_check_and_one_by_one(told: Told) -> None:
    found = section(told, "refusals")
    rows = {row[0]: row for row in found.grids[0].rows}
    assert rows["MAX_POSITION"][1:4] == ("0", rows["MAX_POSITION"][2], "0")
    assert rows["MAX_POSITION"][5] == "240 is cut to 120, 12 % of equity"
    newest = found.tables[0].grid.rows[0]
    assert newest[2] in {
        "signal_entry_long, 5x, 150 stake, confidence 52",
        "signal_entry_short, 5x, 150 stake, confidence 52",
    }
    assert "RSI" in newest[3]
    assert newest[4] == "NO_FREE_SLOT: 2 of 2 slots are taken or promised"
    at = [row[0] for row in found.tables[0].grid.rows]
    assert at == sorted(at, reverse=True)


def test_a_refusal_quotes_what_refused_and_not_what_merely_remarked() -> None:
    reasons = (
        Reason(code="OLD", text="of before kinds"),
        Reason(code="STAKE", text="too much", kind="refusal"),
        Reason(code="TREND", text="hm", kind="remark"),
    )
    record = a_decision_record(
        tool=None, call={"adjustment_pct": -50.0, "leverage": None}, reasons=reasons
    )
    (row,) = tables.refused([record]).rows
    assert row[2:] == ("-, -50 %", "-", "OLD: of before kinds; STAKE: too much")


def test_halts_are_told(empty: Bot) -> None:
    halt = HaltRecord(
        at=END - timedelta(hours=1), mode="dry_run", event="halted", text="by hand", equity=None
    )
    resumed = halt.model_copy(update={"at": END, "event": "resumed", "text": "again"})
    write_lines(empty.decisions, [halt, resumed])
    (folded,) = section(told_of(empty), "decisions").tables
    assert [row[1:] for row in folded.grid.rows] == [("resumed", "again"), ("halted", "by hand")]
    write_lines(empty.decisions, [halt, a_decision_record(mode="dry_run", at=END)])
    assert section(told_of(empty), "decisions").tables[0].title == "Halts"


def test_calibration_says_what_the_model_would_be_told(told: Told) -> None:
    found = section(told, "calibration")
    assert found.sentences[0].startswith("Of these days alone the model would be told: Your conf")
    assert "Brier score 0." in found.sentences[0]
    counted = Calibration()
    for trade in told.facts.lately:
        counted.add(trade)
    assert found.grids[0].rows[-1][1] == str(counted.reliability().n)


def test_patterns_are_told_and_drawn(told: Told) -> None:
    found = section(told, "patterns")
    assert any("against the EMA trend" in one for one in found.sentences)
    assert "not of these days alone" in found.sentences[0]
    dots, usual = found.charts[0].figure.data
    assert len(dots.y) == len(usual.y) == len(told.learned.patterns)


def test_a_pattern_of_one_side_names_it(told: Told) -> None:
    one = told.learned.patterns[0]
    sided = replace(told, learned=replace(told.learned, patterns=(replace(one, side="short"),)))
    (chart,) = section(sided, "patterns").charts
    assert chart.figure.data[0].y[0].startswith("short: ")
    assert patterns_chart((), ()) is None


def test_lessons_name_the_trades_behind_them(told: Told) -> None:
    found = section(told, "lessons")
    for row, (lesson, text) in zip(found.grids[0].rows, told.learned.lessons, strict=True):
        evidence = told.learned.evidence[lesson.code, lesson.side]
        assert row[0] == f"{lesson.code}, {lesson.side}"
        assert row[1] == text
        assert row[2].startswith(f"{len(evidence.support)}: #{evidence.support[-1]}")
    assert any(row[3] != "-" for row in found.grids[0].rows)
    assert len(found.tables[0].grid.rows) == len(told.learned.retired)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "-"),
        (1, "1: #1"),
        (8, "8: #8 #7 #6 #5 #4 #3 #2 #1"),
        (10, "10: #10 #9 #8 #7 #6 #5 #4 #3 and 2 more"),
    ],
)
def test_evidence_is_named_newest_first_and_not_endlessly(n: int, said: str) -> None:
    assert tables._named(list(range(1, n + 1))) == said


def test_costs_are_told_and_drawn_by_day(told: Told) -> None:
    found = section(told, "cost")
    rows = {row[0]: row[1] for row in found.grids[0].rows}
    assert rows["in all"] == "1.22 USD"
    assert rows["requests"] == "24, 0 of them failed"
    (bars,) = found.charts[0].figure.data
    assert len(bars.x) == len(found.tables[0].grid.rows) == 24
    assert found.tables[0].grid.rows[0][0] == "2026-03-25"


@pytest.mark.parametrize(("days", "apart"), [(1, 1), (12, 1), (13, 2), (30, 3)])
def test_days_are_a_bar_each_and_not_too_many_of_them_named(days: int, apart: int) -> None:
    found = [(date(2026, 3, 1) + timedelta(days=number), 0.5) for number in range(days)]
    chart = cost_chart(found)
    assert chart is not None
    axis = chart.figure.layout.xaxis
    assert axis.dtick == apart * 86_400_000
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000
    assert chart.figure.data[0].x[0] == noon
    assert axis.range[0] == noon - 86_400_000


def test_what_was_free_is_not_drawn() -> None:
    assert cost_chart(()) is None
    assert cost_chart([(date(2026, 3, 1), 0.0)]) is None


def test_money_that_nobody_knows_is_said(told: Told) -> None:
    spent = told.result.spent
    some = replace(spent, whole=replace(spent.whole, unpriced=2))
    found = section(replace(told, result=replace(told.result, spent=some)), "cost")
    assert found.sentences[0].startswith("2 requests are in no sum")
    gone = replace(told.result, spent=replace(spent, problem="the ledger is damaged"))
    found = section(replace(told, result=gone), "cost")
    assert found.sentences == ("Unknown: the ledger is damaged.",)


def test_the_sandboxs_money_is_called_play_money(told: Told) -> None:
    span = replace(told.facts.span, mode="sandbox")
    spent = told.result.spent
    free = replace(spent, whole=replace(spent.whole, usd=0.0, decision_usd=0.0), hours=())
    played = replace(
        told,
        facts=replace(told.facts, span=span),
        result=replace(told.result, spent=free),
    )
    found = section(played, "cost")
    assert found.sentences[0] == "Nothing was to be paid."
    assert "play money" in found.sentences[1]
    assert (found.charts, found.tables) == ((), ())


def test_where_all_of_this_is_from_is_said(page: Page) -> None:
    text = page.texts["record"]
    assert "2026-02-24 00:00 to 2026-03-26 00:00 UTC, 30m candles: BTC/USDT:USDT" in text
    assert "Candles in the charts: Freqtrade's stored candles." in text
    assert "There is no database of this mode" in text
    assert "llm_decisions.jsonl" in text


def test_a_bot_that_only_decided_has_a_page_that_says_what_is_missing(
    empty: Bot, tmp_path: Path
) -> None:
    write_lines(empty.decisions, [a_decision_record(mode="live", at=END)])
    live = told_of(empty, replace(SPAN, mode="live"))
    page = written(live, tmp_path)
    assert page.charts == []
    assert '<p class="banner grave">' in page.source
    for name, said in {
        "account": "No decision tells the account",
        "trades": "No trade was closed.",
        "by-pair": "No trade was closed.",
        "refusals": "No check of the gate had anything to say.",
        "calibration": "No closed trade has a confidence.",
        "patterns": "No condition stands out by more than luck",
        "lessons": "No lesson holds.",
        "cost": "No model was asked.",
        "record": "candles unknown: BTC/USDT:USDT",
    }.items():
        assert said in page.texts[name], name


def test_a_bot_that_only_traded_has_a_page_too(empty: Bot, tmp_path: Path) -> None:
    write_lines(empty.trades, [recorded(a_closed_trade(opened_at=END, closed_at=END), "live")])
    page = written(told_of(empty, replace(SPAN, mode="live")), tmp_path)
    # From zero there is no drawdown in percent.
    assert page.charts == ["equity", "trades-0", "calibration"]
    assert "Nothing was decided." in page.texts["decisions"]
    assert "n=1: fewer than 20 trades are too few" in page.texts["calibration"]
    assert "no pair" in page.texts["record"]


def test_torn_lines_stand_above_all(empty: Bot, tmp_path: Path) -> None:
    write_lines(empty.decisions, [a_decision_record(mode="dry_run", at=END)])
    append(empty.decisions, "torn\n")
    page = written(told_of(empty), tmp_path)
    assert "1 unreadable lines of" in page.texts[""]
    assert page.source.index("unreadable") < page.source.index("section-figures")


def test_a_drawdown_is_measured_from_the_start_of_these_days() -> None:
    chart = drawdown_chart(Account(an_equity(1000, 900, 950), "what it is"))
    assert chart is not None
    assert min(chart.figure.data[0].y) == pytest.approx(-10, abs=0.1)
    assert drawdown_chart(Account(an_equity(0, 5), "from zero")) is None


def test_only_the_busiest_checks_are_drawn() -> None:
    checks = {f"CHECK_{number}": Check() for number in range(MOST_BARS + 1)}
    for number, check in enumerate(checks.values()):
        check.counts["refusal"] = number
    chart = checks_chart(checks)
    assert chart is not None
    (bars,) = chart.figure.data
    assert bars.y[0] == f"CHECK_{MOST_BARS}"
    assert "CHECK_0" not in bars.y
    assert checks_chart({}) is None


def test_a_check_that_never_told_when_has_no_time() -> None:
    assert tables.checks({"OLD": Check()}).rows == (("OLD", "0", "0", "0", "-", "-"),)


# --- Freqtrade's database ---


def test_the_database_is_counted_and_what_the_journal_lacks_is_remarked(tmp_path: Path) -> None:
    path = tmp_path / "trades.sqlite"
    open_database(path)
    for number in range(3):
        trade = a_trade()
        if number:
            trade.orders.append(an_order(trade, trade.exit_side, 102.0, 1.0))
            trade.close_date = NOON.replace(tzinfo=None)
            trade.close(102.0)
            type(trade).commit()
    let_go_of_database()
    span = Span("dry_run", NOON - timedelta(days=1), NOON + timedelta(days=1))
    known = a_trade_record(mode="dry_run", trade_id=2, opened_at=NOON)
    found = compare(path, span, (known,))
    assert "trades closed in these days: 2, open: 1." in found.sentence
    assert found.remark.startswith(
        "Closed trades that Freqtrade's database has and the journal has"
    )
    assert "not: 1. They are not in this report" in found.remark
    other = a_trade_record(mode="dry_run", trade_id=3, opened_at=NOON)
    assert compare(path, span, (known, other)).remark == ""
    later = Span("dry_run", NOON + timedelta(hours=1), NOON + timedelta(days=1))
    assert compare(path, later, ()).remark == ""
    path.write_bytes(b"no database" * 100)
    assert "restore it from a backup" in compare(path, span, ()).sentence


def test_a_remark_on_the_database_stands_above_all(told: Told, tmp_path: Path) -> None:
    page = written(replace(told, stored=Stored("counted", "3 have no record")), tmp_path)
    assert "3 have no record" in page.texts[""]


# --- an attacker ---

SCRIPT = "</script><script>document.title='owned'</script><img src=http://evil onerror=alert(1)>"


def test_hostile_texts_are_text(empty: Bot, tmp_path: Path) -> None:
    attacked = hostile(empty, SCRIPT)
    page = written(told_of(attacked), tmp_path)
    assert len(page.scripts) == 2
    assert page.links == []
    assert "<img" not in page.source.split("<main>")[1].split("</main>")[0]
    for name in ("trades", "decisions", "refusals", "by-pair", "record"):
        rows = page.tables.get(name, [])
        shown = page.texts[name] + "".join(cell for row in rows for cell in row)
        assert "<script>document.title='owned'</script>" in shown, name
    for figure in page.figures.values():
        json.loads(figure)
        assert "<" not in figure


def test_a_page_without_banner_and_cards_has_none() -> None:
    source = rendered(Written("bare", (Section("one", "One", ("nothing",)),)))
    assert 'class="banner' not in source
    assert 'class="cards"' not in source


def test_wordy_tables_break_lines_and_short_cells_do_not() -> None:
    grid = Grid(("a", "b", "c"), (("1", "2026-01-15 12:00", "x" * 91),), is_wordy=True)
    source = rendered(Written("wordy", (Section("one", "One", (), (grid,)),)))
    assert '<table class="wordy">' in source
    assert '<td dir="auto" class="short">2026-01-15 12:00</td>' in source
    assert f'<td dir="auto" class="long">{"x" * 91}</td>' in source


def test_counts_in_a_wordy_table_stand_right_under_their_heading() -> None:
    grid = Grid(("check", "refused", "said then"), (("7", "1,204", "no"),), is_wordy=True)
    source = rendered(Written("wordy", (Section("one", "One", (), (grid,)),)))
    assert '<td dir="auto" class="short number">1,204</td>' in source
    assert '<th scope="col" class="number">refused</th>' in source
    assert source.count('class="number"') == 1
    none = Grid(("check", "refused"), (), is_wordy=True)
    empty = rendered(Written("wordy", (Section("one", "One", (), (none,)),)))
    assert '<th scope="col">refused</th>' in empty


@pytest.mark.parametrize(("n", "step"), [(10, 1), (11, None)])
def test_few_decisions_are_counted_by_ones(n: int, step: int | None) -> None:
    chart = checks_chart({"COOLDOWN": Check(Counter({"refusal": n}))})
    assert chart is not None
    assert chart.figure.layout.xaxis.dtick == step


def test_one_is_no_plural() -> None:
    assert [counted(n, "trade") for n in (0, 1, 2, 1000)] == [
        *("0 trades", "1 trade", "2 trades", "1,000 trades"),
    ]
