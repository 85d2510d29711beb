"""The Web UI's plot configuration: what the model is told of is what is drawn."""

import pytest

from builders import some_candles
from llm_modules.config import INDICATOR_COLUMNS
from llm_modules.engine.plotting import plot_config
from llm_modules.market.indicators import compute


def drawn(*extra: str) -> set[str]:
    config = plot_config(extra)
    return {
        *config["main_plot"],
        *(name for panel in config["subplots"].values() for name in panel),
    }


def test_every_indicator_that_a_table_can_show_is_drawn() -> None:
    assert drawn() == set(INDICATOR_COLUMNS)


@pytest.mark.parametrize("extra", [(), ("cci",), ("vwap", "ichimoku"), ("aobv", "hma", "stoch")])
def test_what_is_drawn_is_computed_and_nothing_computed_is_left_out(extra: tuple[str, ...]) -> None:
    assert drawn(*extra) == set(compute(some_candles(), extra))


def test_an_added_one_that_follows_the_price_is_drawn_over_it() -> None:
    config = plot_config(["hma", "cci"])

    assert "hma_10" in config["main_plot"]
    assert set(config["subplots"]["CCI"]) == {"cci_14_0.015"}
    assert "HMA" not in config["subplots"]


def test_an_added_one_that_is_ours_already_changes_nothing() -> None:
    assert plot_config(["obv"]) == plot_config()


def test_each_call_gives_a_configuration_of_its_own() -> None:
    plot_config(["cci"])["subplots"]["RSI"]["more"] = {}

    assert "more" not in plot_config()["subplots"]["RSI"]


def test_every_line_has_a_color() -> None:
    config = plot_config(["ichimoku"])

    for lines in (config["main_plot"], *config["subplots"].values()):
        assert all(line["color"].startswith("#") for line in lines.values())
