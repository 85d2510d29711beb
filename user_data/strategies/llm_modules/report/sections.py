"""The page's sections in order; those without facts say so."""

from collections.abc import Iterator
from dataclasses import dataclass

from llm_modules.backtest.report.charts.calibration import calibration, calibration_chart
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.numbers import dollars, minute
from llm_modules.backtest.report.plain import name, plain
from llm_modules.backtest.report.section import Folded, Section
from llm_modules.learning.breakdowns import TradeTally
from llm_modules.learning.calibration import (
    FEWEST_TRADES,
    Calibration,
    Reliability,
    calibration_sentence,
)
from llm_modules.learning.patterns import FEWEST_TRADES as FEWEST_OF_PATTERN
from llm_modules.learning.patterns import Pattern, pattern_sentence
from llm_modules.learning.wording import learning_phrases
from llm_modules.report import tables
from llm_modules.report.charts import (
    account_chart,
    checks_chart,
    cost_chart,
    drawdown_chart,
    pair_chart,
    patterns_chart,
)
from llm_modules.report.figures import DRAWN, Result, by_pair, doubts, headline
from llm_modules.report.learned import Learned
from llm_modules.report.market import TradedPair
from llm_modules.report.reading import Facts
from llm_modules.report.stored import Stored
from llm_modules.report.words import counted

NO_TRADE = "No trade was closed."
POINT = "Open a pair; point at a marker, or tap it, for the model's reason and the lesson."
ALL_TRADES = (
    "From all {n:,} trades of this mode that were the model's own to end, not of these days alone: "
    "this is what the model is told."
)
BORNE_OUT = (
    "A lesson is told while more speaks for it than against it, old trades counting less. Numbers "
    "are those of the trades."
)
# Whole wherever a file system allows it: a path that is cut leads nowhere.
LONGEST_PATH = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """All that a page is made of, gathered."""

    facts: Facts
    result: Result
    pairs: tuple[TradedPair, ...]
    learned: Learned
    stored: Stored
    files: tuple[str, ...]


def sections(told: Told) -> tuple[Section, ...]:
    """Return every section of the page."""
    return (
        _figures(told),
        _account(told),
        _trades(told),
        _by_pair(told),
        _decisions(told),
        _refusals(told),
        _calibration(told),
        _patterns(told),
        _lessons(told),
        _cost(told),
        _record(told),
    )


def _figures(told: Told) -> Section:
    return Section("figures", "Result", (*doubts(told.result), DRAWN), (headline(told.result),))


def _account(told: Told) -> Section:
    account, currency = told.result.account, told.result.currency
    if account is None:
        missing = "No decision tells the account, and no trade was closed."
        return Section("account", "Account", (missing,))
    charts = (account_chart(account, currency), drawdown_chart(account))
    return Section("account", "Account", (), charts=tuple(filter(None, charts)))


def _trades(told: Told) -> Section:
    if not told.pairs:
        return Section("trades", "Trades", (NO_TRADE,))
    currency = told.result.currency
    charts = tuple(
        pair_chart(number, pair, currency, told.facts.lesson)
        for number, pair in enumerate(told.pairs)
    )
    records = told.facts.trades
    grid = tables.trades(records, currency, told.facts.lesson)
    # The chart has them all; a table of thousands of reasons would be most of the page.
    shown = min(len(records), tables.NEWEST_TRADES)
    folded = (Folded(f"The newest {shown:,} trades in words", grid),)
    return Section("trades", "Trades", (POINT,), charts=charts, folded=True, tables=folded)


def _by_pair(told: Told) -> Section:
    if not told.facts.trades:
        return Section("by-pair", "By pair and side", (NO_TRADE,))
    span = told.facts.span
    # The same counting as `trades --summary`, so that both say the same of a month.
    tally = TradeTally((span.until - span.since).days)
    for trade in told.facts.lately:
        tally.add(trade)
    grid = tables.breakdown(tally.statistics())
    folded = (Folded("By market, hour, leverage, confidence and exit", grid),)
    return Section("by-pair", "By pair and side", (), (by_pair(told.result),), tables=folded)


def _decisions(told: Told) -> Section:
    decided = told.facts.decided
    folded = (Folded("Halts", tables.halts(decided.halts)),) if decided.halts else ()
    if not decided.n:
        return Section("decisions", "Decisions", ("Nothing was decided.",), tables=folded)
    models = ", ".join(f"{name(one)} ({n:,})" for one, n in decided.models.most_common())
    sentences = (
        f"{counted(decided.n, 'decision')} on {counted(len(decided.pairs), 'pair')} by {models}.",
    )
    return Section("decisions", "Decisions", sentences, (tables.verdicts(decided),), tables=folded)


def _refusals(told: Told) -> Section:
    decided, title = told.facts.decided, "Refused by the gate"
    if not decided.checks:
        return Section("refusals", title, ("No check of the gate had anything to say.",))
    refused, clamped = decided.count("refused"), decided.count("clamped")
    sentence = f"{refused:,} decisions were refused, {clamped:,} cut back."
    newest = tables.refused(decided.refused)
    folded = (Folded("The newest refused decisions", newest),) if newest.rows else ()
    charts = tuple(filter(None, (checks_chart(decided.checks),)))
    grid = tables.checks(decided.checks)
    return Section("refusals", title, (sentence,), (grid,), charts, tables=folded)


def _calibration(told: Told) -> Section:
    counted = Calibration()
    for trade in told.facts.lately:
        counted.add(trade)
    reliability = counted.reliability()
    chart = calibration_chart(reliability)
    if chart is None:
        return Section("calibration", "Calibration", ("No closed trade has a confidence.",))
    sentences = (_of_confidence(reliability),)
    grids = (calibration(reliability),)
    return Section("calibration", "Calibration", sentences, grids, (chart,))


def _of_confidence(reliability: Reliability) -> str:
    advice = calibration_sentence(learning_phrases("en"), reliability)
    if advice is None:
        few = f"fewer than {FEWEST_TRADES} trades are too few to judge the model's confidence by"
        return f"n={reliability.n}: {few}."
    scores = f"Brier score {reliability.brier:.3f}, calibration error {reliability.ece:.3f}."
    return f"Of these days alone the model would be told: {advice} {scores}"


def _patterns(told: Told) -> Section:
    found, n = told.learned.patterns, told.learned.own_trades
    sentences = (ALL_TRADES.format(n=n),)
    chart = patterns_chart(found, [_condition(one) for one in found])
    if chart is None:
        none = (
            f"No condition stands out by more than luck; it takes {FEWEST_OF_PATTERN} trades under "
            "it, and a test that allows for how many conditions were tried."
        )
        return Section("patterns", "Patterns", (*sentences, none))
    phrases = learning_phrases("en")
    said = tuple(pattern_sentence(one, phrases) for one in found)
    return Section("patterns", "Patterns", (*sentences, *said), charts=(chart,))


def _condition(pattern: Pattern) -> str:
    said = learning_phrases("en")(f"patterns.condition.{pattern.condition}")
    return f"{pattern.side}: {said}" if pattern.side else said


def _lessons(told: Told) -> Section:
    learned = told.learned
    sentences = (ALL_TRADES.format(n=learned.own_trades), BORNE_OUT)
    retired = learned.retired
    folded = (Folded("Lessons that do not hold", tables.retired(learned)),) if retired else ()
    if not learned.lessons:
        none = (*sentences, "No lesson holds.")
        return Section("lessons", "Lessons", none, tables=folded)
    return Section("lessons", "Lessons", sentences, (tables.lessons(learned),), tables=folded)


def _cost(told: Told) -> Section:
    spent = told.result.spent
    if spent.problem:
        return Section("cost", "Cost", (f"Unknown: {plain(spent.problem, LONGEST_PATH)}.",))
    if not spent.whole.requests:
        return Section("cost", "Cost", ("No model was asked.",))
    chart = cost_chart(spent.days)
    folded = (Folded("Day by day", tables.days(spent.days)),) if chart else ()
    charts = (chart,) if chart else ()
    sentences = tuple(_said_of_cost(told))
    return Section("cost", "Cost", sentences, (_costs(told),), charts, tables=folded)


def _said_of_cost(told: Told) -> Iterator[str]:
    spent = told.result.spent.whole
    if spent.unpriced:
        yield f"{spent.unpriced:,} requests are in no sum, because nobody knows their price."
    elif not spent.usd:
        yield "Nothing was to be paid."
    if told.facts.span.mode == "sandbox":
        yield "The sandbox's model is a program: what it takes is play money."


def _costs(told: Told) -> Grid:
    whole, trades = told.result.spent.whole, len(told.result.trades)
    each = (
        ("per decision", whole.decision_usd, whole.decisions),
        ("per request", whole.usd, whole.requests - whole.unpriced),
        ("per closed trade", whole.usd, trades),
    )
    rows = tuple((title, dollars(usd / n)) for title, usd, n in each if n)
    tokens = ("tokens", f"{whole.tokens:,}, {whole.cached_ratio:.0%} of the prompts cached")
    requests = ("requests", f"{whole.requests:,}, {whole.failed:,} of them failed")
    return Grid(("", "cost"), (("in all", dollars(whole.usd)), *rows, requests, tokens))


def _record(told: Told) -> Section:
    span, decided = told.facts.span, told.facts.decided
    pairs = ", ".join(name(one) for one in sorted(decided.pairs)) or "no pair"
    candles = f"{name(decided.timeframe)} candles" if decided.timeframe else "candles unknown"
    sources = sorted({source for pair in told.pairs for source in pair.sources})
    sentences = (
        f"{minute(span.since)} to {minute(span.until)} UTC, {candles}: {pairs}.",
        f"Candles in the charts: {', '.join(sources) or 'none'}.",
        plain(told.stored.sentence, LONGEST_PATH),
        f"Journals: {', '.join(plain(path, LONGEST_PATH) for path in told.files)}.",
    )
    return Section("record", "What this was made of", sentences)
