import io
from datetime import UTC, datetime

from rich.console import Console

from llm_modules.backtest.command.progress import Moments, watching
from llm_modules.backtest.outcome import Moment


def moment(candle: int, decided: int = 0, equity: float = 1000.0) -> Moment:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Moment(at, candle, 100, decided, decided, equity, None)


def moments(*of_shards: Moment) -> Moments:
    known = Moments(len(of_shards))
    for number, one in enumerate(of_shards):
        known.note(number, one)
    return known


def test_shards_add_up_and_only_one_of_them_has_an_account() -> None:
    one = moments(moment(3, 15, 990.5))
    assert (one.candle, one.decided, one.equity) == (3, 15, "equity 990.50")
    two = moments(moment(3, 15), moment(4, 20))
    assert (two.candle, two.decided, two.equity) == (7, 35, "")
    assert (Moments(1).candle, Moments(1).decided, Moments(1).equity) == (0, 0, "")


def test_the_first_of_two_shards_to_say_something_is_no_account_either() -> None:
    known = Moments(2)
    known.note(1, moment(3, 15, 990.5))
    assert (known.candle, known.decided, known.equity) == (3, 15, "")


def test_the_newest_moment_of_a_shard_counts() -> None:
    known = moments(moment(3, 15))
    known.note(0, moment(4, 20))
    assert (known.candle, known.decided) == (4, 20)


def test_without_a_terminal_a_line_is_said_at_each_tenth() -> None:
    said: list[str] = []
    with watching(Console(file=io.StringIO()), 20, said.append) as watch:
        for candle in range(21):
            watch(moments(moment(candle, candle * 5)), 0.5)
    assert len(said) == 10
    assert said[0] == "10 %: 10 decided, at most 0.5000 USD spent, equity 1,000.00"
    assert said[-1].startswith("100 %: 100 decided")


def test_a_leap_over_several_tenths_is_one_line() -> None:
    said: list[str] = []
    with watching(Console(file=io.StringIO()), 100, said.append) as watch:
        watch(moments(moment(9)), None)
        watch(moments(moment(45)), None)
        watch(moments(moment(49)), None)
    assert said == ["40 %: 0 decided, cost unknown, equity 1,000.00"]


def test_a_run_of_nothing_is_no_error() -> None:
    with watching(Console(file=io.StringIO()), 0, lambda _: None) as watch:
        watch(Moments(1), None)


def test_a_terminal_has_a_bar_that_goes_away() -> None:
    screen, said = io.StringIO(), []
    console = Console(file=screen, force_terminal=True, width=120)
    with watching(console, 100, said.append) as watch:
        watch(moments(moment(50, 250, 987.65)), 0.25)
    text = screen.getvalue()
    assert "50/100" in text
    assert "250 decided, at most 0.2500 USD spent, equity 987.65" in text
    assert said == []
