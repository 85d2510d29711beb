"""What a closed trade taught, kept with it in Freqtrade's database: the API and Web UI show it.

Learnt on the decision thread, written in Freqtrade's: the database belongs to that one.
"""

from collections.abc import Iterable

from freqtrade.persistence import Trade

from llm_modules.journal.records import TradeRecord

REVIEW_KEY = "review"


def store_reviews(records: Iterable[TradeRecord]) -> None:
    """Keep scores and lessons with each trade that is still the one they are about."""
    for record in records:
        trade = Trade.get_trades([Trade.id == record.trade_id]).first()
        # A new database counts from 1 again.
        if trade is not None and trade.open_date_utc == record.opened_at:
            trade.set_custom_data(REVIEW_KEY, review_of(record))


def review_of(record: TradeRecord) -> dict[str, object]:
    """Return scores, lessons and what the result owed to luck, as the journal has them."""
    evaluation, reflection = record.evaluation, record.reflection
    return {
        "grade": evaluation.grade,
        "score": evaluation.score,
        "profit_points": evaluation.profit_points,
        "risk_points": evaluation.risk_points,
        "timing_points": evaluation.timing_points,
        "efficiency_points": evaluation.efficiency_points,
        "model_score": record.model_score,
        "reward": record.reward,
        "summary": reflection.summary,
        "lessons": list(reflection.lessons),
        "judgement": reflection.judgement,
    }
