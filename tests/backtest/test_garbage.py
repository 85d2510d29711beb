"""While a run plays, garbage is sought seldom; before and after it is as it was."""

import gc

import pytest

from llm_modules.backtest.garbage import garbage_sought_seldom


def test_what_is_loaded_is_not_looked_through_while_a_run_plays() -> None:
    frozen, usual = gc.get_freeze_count(), gc.get_threshold()

    with garbage_sought_seldom():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > usual[0]

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual


def test_a_run_that_fails_leaves_it_as_it_was() -> None:
    usual = gc.get_threshold()

    with pytest.raises(ValueError, match="the run"), garbage_sought_seldom():
        raise ValueError("the run")

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual


def test_what_a_run_leaves_behind_is_still_found() -> None:
    class Leaf:
        """Something that holds itself."""

        def __init__(self) -> None:
            self.itself = self

    with garbage_sought_seldom():
        Leaf()
    gc.collect()

    assert not [found for found in gc.get_objects() if isinstance(found, Leaf)]
