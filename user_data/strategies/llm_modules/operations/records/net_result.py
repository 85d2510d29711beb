"""What trades brought in, less what asking about them cost."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from llm_modules.domain import RunMode
from llm_modules.errors import JournalError
from llm_modules.journal.parts import found_lines
from llm_modules.llm.spending.ledger import LEDGER_NAME, Ledger
from llm_modules.llm.spending.totals import Total, dated_costs, total
from llm_modules.metrics import net_of_costs
from llm_modules.operations.session import Session

Curve = list[tuple[datetime, float]]


class _ClosedTrade(BaseModel):
    """What is read of a trade's line; a lesson's has no profit and is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    mode: RunMode
    trade_id: int
    opened_at: AwareDatetime
    closed_at: AwareDatetime
    profit_abs: float


def model_cost_lines(
    session: Session, mode: RunMode, since: datetime, now: datetime
) -> tuple[str, ...]:
    """Say what the model cost in a period and what it leaves of the result, if it was asked.

    The stake currency is taken for US dollars, as USDT and USDC nearly are.
    """
    journals = session.journals()
    ledger = Ledger(journals.tape.with_name(LEDGER_NAME))
    try:
        asked = total(ledger, since, now, mode)
        costs = dated_costs(ledger, since, now, mode)
    except JournalError as error:
        return (f"model cost: unknown, {error}",)
    finally:
        ledger.close()
    if not asked.requests:
        return ()
    lines = (line.text for line in found_lines(journals.trades))
    gross = result_curve(lines, mode, since, now)
    net = net_of_costs(gross, costs)
    said = (
        f"result net of model cost: {net[-1][1]:+.4f}, gross {gross[-1][1]:+.4f}, "
        f"lowest on the way {min(value for _, value in net):+.4f} "
        "(the stake currency taken for US dollars)"
    )
    return f"model cost: {_asked(asked)}", said


def result_curve(lines: Iterable[bytes], mode: RunMode, since: datetime, now: datetime) -> Curve:
    """Return the sum of profits after each trade of a mode closed in a period, from 0 to now."""
    trades = {
        (trade.trade_id, trade.opened_at): trade
        for trade in _trades(lines)
        if trade.mode == mode and since <= trade.closed_at <= now
    }
    curve, result = [(since, 0.0)], 0.0
    for trade in sorted(trades.values(), key=lambda one: one.closed_at):
        result += trade.profit_abs
        curve.append((trade.closed_at.astimezone(UTC), result))
    return [*curve, (now, result)]


def _trades(lines: Iterable[bytes]) -> Iterator[_ClosedTrade]:
    for line in lines:
        try:
            yield _ClosedTrade.model_validate_json(line)
        except ValidationError:
            continue


def _asked(of: Total) -> str:
    unpriced = f", {of.unpriced:,} of unknown price not in it" if of.unpriced else ""
    return f"{of.usd:.4f} USD for {of.requests:,} requests{unpriced}"
