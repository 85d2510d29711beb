import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.tools.text import LONGEST_TEXT, printable


def by_letter(text: str) -> str:
    """What is left of a text when every letter is looked at."""
    normal = unicodedata.normalize("NFKC", text)
    kept = [one for one in normal if one.isspace() or unicodedata.category(one)[0] != "C"]
    return " ".join("".join(" " if one.isspace() else one for one in kept).split())


@given(st.text() | st.text(alphabet="ab \t\n\x7f\x1c\u200b\xa0\u2028\ufb01"))
def test_a_plain_text_is_read_as_any_other(text: str) -> None:
    expected = by_letter(text)
    if not expected:
        with pytest.raises(ValueError, match="readable"):
            printable(text)
    else:
        assert printable(text) == expected


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_text_is_bounded_in_both_ways(letter: str) -> None:
    longest = letter * LONGEST_TEXT
    assert printable(longest) == longest
    with pytest.raises(ValueError, match="longer than"):
        printable(longest + letter)
