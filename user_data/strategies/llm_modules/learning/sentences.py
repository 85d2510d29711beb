"""Statistics as finished sentences: what the model reads of past trades beside single lessons."""

from collections.abc import Iterable, Mapping

from llm_modules.learning.history import Breakdown, TradeStatistics
from llm_modules.learning.wording import percent

MOST_EXIT_REASONS = 3
# As long as the longest of Freqtrade's own, `stoploss_on_exchange`.
LONGEST_EXIT_REASON = 20


def statistics_sentence(subject: str, statistics: TradeStatistics) -> str | None:
    """Say in one sentence how the trades of a period went; None when there were none."""
    if not statistics.n:
        return None
    return (
        f"{subject}: n={statistics.n}, won {statistics.win_rate:.0%}, "
        f"mean {percent(statistics.mean_profit_ratio)}, {_loss_measures(statistics)}; "
        f"{_wins(statistics.by_side.items())}; "
        f"exits {_wins(_most_frequent(statistics.by_exit_reason))}."
    )


def _loss_measures(statistics: TradeStatistics) -> str:
    if statistics.profit_factor is None or statistics.expectancy is None:
        return "no loss"
    return (
        f"profit factor {statistics.profit_factor:.3g}, "
        f"expectancy {statistics.expectancy:+.3g} of the mean loss"
    )


def _wins(groups: Iterable[tuple[str, Breakdown]]) -> str:
    return ", ".join(f"{name} won {group.wins} of {group.n}" for name, group in groups)


def _most_frequent(groups: Mapping[str, Breakdown]) -> list[tuple[str, Breakdown]]:
    ranked = sorted(groups.items(), key=lambda item: (-item[1].n, item[0]))
    return [(name[:LONGEST_EXIT_REASON], group) for name, group in ranked[:MOST_EXIT_REASONS]]
