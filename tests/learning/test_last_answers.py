"""An answer is given again exactly as long as its question stays the same."""

from hypothesis import given
from hypothesis import strategies as st

from llm_modules.learning.last_answers import LastAnswers


class Counting:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_the_same_question_is_answered_once() -> None:
    answers, answer = LastAnswers[int](), Counting()
    assert [answers.of("pair", (1, "a"), answer) for _ in range(3)] == [1, 1, 1]


def test_another_question_is_answered_anew_and_the_old_one_forgotten() -> None:
    answers, answer = LastAnswers[int](), Counting()
    assert [answers.of("pair", question, answer) for question in (1, 2, 1)] == [1, 2, 3]


def test_each_key_has_an_answer_of_its_own() -> None:
    answers, answer = LastAnswers[int](), Counting()
    asked = [answers.of(key, "same", answer) for key in ("one", "other", "one", "other")]
    assert asked == [1, 2, 1, 2]


def test_nothing_is_an_answer_too() -> None:
    answers: LastAnswers[None] = LastAnswers()
    calls = Counting()

    def answer() -> None:
        calls()

    answers.of("pair", None, answer)
    answers.of("pair", None, answer)
    assert calls.times == 1


def test_one_object_is_the_same_question_whatever_it_says_of_equality() -> None:
    nan = float("nan")
    answers, answer = LastAnswers[int](), Counting()
    assert [answers.of("pair", nan, answer) for _ in range(2)] == [1, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3))))
def test_every_answer_is_the_one_to_its_question(asked: list[tuple[str, int]]) -> None:
    answers: LastAnswers[tuple[str, int]] = LastAnswers()

    def asking(key: str, question: int) -> tuple[str, int]:
        return answers.of(key, question, lambda: (key, question))

    assert [asking(*one) for one in asked] == asked
