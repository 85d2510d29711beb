import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.weights import most_encoded_weight, tokens, weight, weight_of_tokens


@pytest.mark.parametrize(
    ("text", "sixths"),
    [
        ("", 0),
        ("abc", 6),
        ("abcd", 8),
        ("1", 5),
        ("12.5", 17),
        ("\n", 2),
        ("é", 4),
        ("界", 8),
        ("\u07ff", 4),
        ("\u0800", 8),
        ("\uffff", 8),
        ("\U00010000", 8),
        ("3 根K线", 25),
    ],
)
def test_a_byte_is_a_third_of_a_token_and_digits_and_wide_characters_are_more(
    text: str, sixths: int
) -> None:
    assert weight(text) == sixths


@pytest.mark.parametrize(("sixths", "count"), [(0, 0), (1, 1), (6, 1), (7, 2), (12, 2)])
def test_tokens_are_rounded_up(sixths: int, count: int) -> None:
    assert tokens(sixths) == count


@given(st.integers(0, 10**9))
def test_a_weight_of_tokens_is_so_many_tokens_and_no_more_fits(count: int) -> None:
    assert tokens(weight_of_tokens(count)) == count
    assert tokens(weight_of_tokens(count) + 1) == count + 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_weight_of_two_texts_is_the_sum_of_both(one: str, other: str) -> None:
    assert weight(one + other) == weight(one) + weight(other)


@given(st.text(max_size=200))
def test_the_estimate_is_never_below_a_third_of_the_bytes(text: str) -> None:
    assert tokens(weight(text)) >= math.ceil(len(text.encode()) / 3)


@given(st.text(max_size=200))
def test_no_text_weighs_more_than_its_length_allows(text: str) -> None:
    assert weight(text) <= most_encoded_weight(text.encode())


def test_digits_alone_weigh_all_that_their_length_allows() -> None:
    assert weight("0123456789") == most_encoded_weight(b"0123456789")
