"""The page's sections in order: sentences, tables, charts."""

from collections.abc import Callable, Iterator

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.charts.calibration import calibration, calibration_chart
from llm_modules.backtest.report.charts.cost import cost_chart
from llm_modules.backtest.report.charts.equity import drawdown_chart, equity_chart
from llm_modules.backtest.report.charts.refusals import refusals_chart
from llm_modules.backtest.report.charts.trades import trades_chart
from llm_modules.backtest.report.comparing import beaten, comparison, described
from llm_modules.backtest.report.counting import costs, counts
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import Journals
from llm_modules.backtest.report.measures import figures, stretches_of, told
from llm_modules.backtest.report.numbers import minute
from llm_modules.backtest.report.plain import plain
from llm_modules.backtest.report.refusals import refusals, refused
from llm_modules.backtest.report.section import Section
from llm_modules.domain import Candles
from llm_modules.learning.calibration import calibration_sentence
from llm_modules.learning.wording import learning_phrases

CandlesOf = Callable[[str], Candles]
LONGEST_PATH = 1000
INTERVALS = (
    "Brackets hold the interval of 95 % that a bootstrap gives: another run of the same luck could "
    "have ended anywhere in it."
)
REFUSED = (
    "What refused entries earned in a run without the gate, as far as that run made them. Below "
    "zero a check saved money."
)
TOO_FEW = "are too few to judge the model's confidence by."


def sections(
    assessment: Assessment, journals: Journals, candles_of: CandlesOf
) -> tuple[Section, ...]:
    """Return every section of the page; those without facts say so."""
    return (
        _headline(assessment),
        _comparison(assessment),
        _trades(assessment, journals, candles_of),
        _calibration(journals),
        _refusals(assessment, journals),
        _cost(assessment, journals),
        _record(assessment, journals),
    )


def _headline(assessment: Assessment) -> Section:
    grid = figures(stretches_of(assessment))
    sentences = (told(assessment.headline, assessment.shift), INTERVALS)
    return Section("figures", "Result", sentences, (grid,))


def _comparison(assessment: Assessment) -> Section:
    charts = tuple(filter(None, (equity_chart(assessment), drawdown_chart(assessment))))
    sentences = () if assessment.random is None else (beaten(assessment.random),)
    missing = () if assessment.baselines else ("No baseline was run.",)
    told = (*sentences, *missing, *described(assessment))
    return Section("baselines", "Against the baselines", told, (comparison(assessment),), charts)


def _trades(assessment: Assessment, journals: Journals, candles_of: CandlesOf) -> Section:
    charts = (
        trades_chart(assessment, number, candles_of(pair), journals.lesson)
        for number, pair in enumerate(assessment.outcome.pairs)
    )
    told = "Open a pair; point at a marker, or tap it, for the model's reason and the lesson."
    if not assessment.outcome.trades:
        told = "No trade was closed."
    found = tuple(filter(None, charts))
    return Section("trades", "Trades", (told,), charts=found, folded=True)


def _calibration(journals: Journals) -> Section:
    reliability = journals.reliability
    chart = calibration_chart(reliability)
    if chart is None:
        return Section("calibration", "Calibration", ("No closed trade has a confidence.",))
    advice = calibration_sentence(learning_phrases("en"), reliability)
    told = f"The model would be told: {advice}" if advice else f"{reliability.n:,} trades {TOO_FEW}"
    return Section("calibration", "Calibration", (told,), (calibration(reliability),), (chart,))


def _refusals(assessment: Assessment, journals: Journals) -> Section:
    title = "Refused by the gate"
    if not assessment.refused:
        return Section("refusals", title, ("The gate refused no entry.",))
    chart = refusals_chart(assessment.checks, assessment.outcome.stake_currency)
    charts = (chart,) if chart else ()
    known = any(one.profit_abs is not None for one in assessment.refused)
    told = (refused(assessment, journals), *((REFUSED,) if known else ()))
    return Section("refusals", title, told, (refusals(assessment),), charts)


def _cost(assessment: Assessment, journals: Journals) -> Section:
    chart = cost_chart(journals.costs)
    sentences = tuple(_said_of_cost(journals))
    grid = costs(assessment.outcome)
    return Section("cost", "Cost", sentences, (grid,), (chart,) if chart else ())


def _said_of_cost(journals: Journals) -> Iterator[str]:
    if journals.unpriced:
        yield f"The price of {journals.unpriced:,} questions is unknown; the chart leaves them out."
    elif not any(cost for _, cost in journals.costs):
        yield "Nothing was to be paid."


def _record(assessment: Assessment, journals: Journals) -> Section:
    outcome = assessment.outcome
    pairs = ", ".join(plain(pair) for pair in outcome.pairs)
    run = f"{minute(outcome.start)} to {minute(outcome.end)} UTC, {outcome.timeframe}: {pairs}."
    files = [str(outcome.folder), *([str(outcome.result_file)] if outcome.result_file else [])]
    where = f"Journals and results: {', '.join(plain(path, LONGEST_PATH) for path in files)}."
    bad = (f"{journals.bad_lines:,} unreadable lines of the journals are not counted.",)
    told = (run, where, *(bad if journals.bad_lines else ()))
    made = (Grid(("", "this run"), assessment.settings),) if assessment.settings else ()
    return Section("record", "The run", told, (*made, counts(outcome, journals)))
