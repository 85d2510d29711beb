"""Statistics as finished sentences: what the model reads of past trades beside single lessons."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from llm_modules.learning.breakdowns import Breakdown, TradeStatistics
from llm_modules.learning.exact import total
from llm_modules.learning.similar import Neighbour
from llm_modules.learning.wording import percent
from llm_modules.phrases import Phrases
from llm_modules.weights import weight, weight_of_tokens

MOST_EXIT_REASONS = 3
# As long as the longest of Freqtrade's own, `stoploss_on_exchange`.
LONGEST_EXIT_REASON = 20
HEAVIEST_LINE = weight_of_tokens(60)
# Two are an anecdote: a side's rate could only be 0, 50 or 100 %.
FEWEST_NEIGHBOURS = 3


def statistics_sentence(phrases: Phrases, subject: str, statistics: TradeStatistics) -> str | None:
    """Say in one line how the trades of a period went; None when there were none.

    `subject` is `pair` or `all`. The kinds of market, and then the rarer exits, are left out
    where the line would grow beyond 60 tokens.
    """
    if not statistics.n:
        return None
    measures = "no_loss" if statistics.expectancy is None else "measures"
    line = phrases(
        "statistics.line",
        subject=phrases(f"statistics.subject.{subject}", days=statistics.days),
        n=statistics.n,
        won=f"{statistics.win_rate:.0%}",
        sides=_won(_worded(phrases, "brief", statistics.by_side)),
        mean=percent(statistics.mean_profit_ratio),
        measures=phrases(
            f"statistics.{measures}",
            profit_factor=f"{statistics.profit_factor or 0:.3g}",
            expectancy=f"{statistics.expectancy or 0:+.2g}",
        ),
    )
    room = HEAVIEST_LINE - weight(line)
    return line + next((end for end in _ends(phrases, statistics) if weight(end) <= room), "")


def similar_sentence(phrases: Phrases, neighbours: Sequence[Neighbour]) -> str | None:
    """Say in one line how the nearest past entries ended; None with fewer than three of them."""
    if len(neighbours) < FEWEST_NEIGHBOURS:
        return None
    nearest = neighbours[0].trade
    return phrases(
        "statistics.similar",
        n=len(neighbours),
        sides="; ".join(
            _side_sentence(phrases, side, profits)
            for side in ("long", "short")
            if (profits := [one.trade.profit_ratio for one in neighbours if one.trade.side == side])
        ),
        nearest=phrases(f"statistics.name.{nearest.side}"),
        profit=percent(nearest.profit_ratio),
    )


def _side_sentence(phrases: Phrases, side: str, profits: Sequence[float]) -> str:
    return phrases(
        "statistics.similar_side",
        side=phrases(f"statistics.name.{side}"),
        wins=len([profit for profit in profits if profit > 0]),
        n=len(profits),
        mean=percent(total(profits) / len(profits)),
    )


def _worded(
    phrases: Phrases, kind: str, groups: Mapping[str, Breakdown]
) -> list[tuple[str, Breakdown]]:
    return [(phrases(f"statistics.{kind}.{name}"), group) for name, group in groups.items()]


def _won(groups: Iterable[tuple[str, Breakdown]]) -> str:
    return ", ".join(f"{name} {group.wins}/{group.n}" for name, group in groups)


def _most_frequent(groups: Mapping[str, Breakdown]) -> list[tuple[str, Breakdown]]:
    # Equally frequent ones by name, so that the same trades give the same line.
    ranked = sorted(groups.items(), key=lambda item: (-item[1].n, item[0]))
    return [(name[:LONGEST_EXIT_REASON], group) for name, group in ranked[:MOST_EXIT_REASONS]]


def _ends(phrases: Phrases, statistics: TradeStatistics) -> Iterator[str]:
    """Yield what a line may end with, from the fullest to the shortest."""
    exits = _most_frequent(statistics.by_exit_reason)
    ends = [
        phrases("statistics.exits", exits=_won(exits[:count])) for count in range(len(exits), 0, -1)
    ]
    regimes = _won(_worded(phrases, "name", statistics.by_regime))
    yield ends[0] + phrases("statistics.regimes", regimes=regimes)
    yield from ends
