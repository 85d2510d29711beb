"""What was made of a thing is given back for that very thing alone, and not for ever."""

import gc
import weakref

from llm_modules.llm.kept import MOST_KEPT, KeptByIdentity


class Thing(list[int]):
    """A list that a weak reference can watch."""


def test_the_same_things_are_made_something_of_once() -> None:
    kept, one, other = KeptByIdentity[int](), [1], [2]
    made: list[int] = []

    def make() -> int:
        made.append(0)
        return len(made)

    assert [kept.of((one, other), make) for _ in range(3)] == [1, 1, 1]


def test_other_things_their_order_and_their_number_count() -> None:
    kept, one, other = KeptByIdentity[str](), [1], [1]
    asked = ((one,), (other,), (one, other), (other, one))
    for number, things in enumerate(asked):
        assert kept.of(things, lambda n=number: str(n)) == str(number)
    assert [kept.of(things, lambda: "anew") for things in asked] == ["0", "1", "2", "3"]


def test_nothing_is_made_of_what_cannot_be() -> None:
    kept, thing = KeptByIdentity[float](), [0]
    for _ in range(2):
        try:
            kept.of((thing,), lambda: 1 / thing[0])
        except ZeroDivisionError:
            continue
        raise AssertionError("a failure was kept")
    thing[0] = 2
    assert kept.of((thing,), lambda: 1 / thing[0]) == 0.5


def test_a_thing_stays_as_long_as_its_id_is_known_and_the_oldest_goes() -> None:
    kept, first = KeptByIdentity[int](), Thing()
    watched, name = weakref.ref(first), (first,)
    kept.of(name, lambda: 0)
    del first, name
    newer = [Thing() for _ in range(MOST_KEPT)]
    for thing in newer[1:]:
        kept.of((thing,), lambda: 1)
    gc.collect()
    assert watched() is not None
    kept.of((newer[0],), lambda: 1)
    gc.collect()
    assert watched() is None
