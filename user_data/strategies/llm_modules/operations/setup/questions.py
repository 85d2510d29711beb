"""Questions at a terminal; Ctrl-C and Ctrl-D leave any of them."""

from collections.abc import Callable, Mapping

import questionary
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from questionary import Choice, Question

from llm_modules.errors import ConfigError

Check = Callable[[str], object]


class Questions:
    """Asks one person one thing at a time. Each method raises KeyboardInterrupt or EOFError."""

    def choose(self, text: str, choices: Mapping[str, str], default: str) -> str:
        """Return the key of the choice taken; what stands under a key is said of it."""
        width = max(map(len, choices))
        shown = [Choice(f"{key:<{width}}  {words}".rstrip(), key) for key, words in choices.items()]
        return str(_asked(questionary.select(text, shown, default=default)))

    def text(self, text: str, default: str, check: Check) -> str:
        """Return a text that `check` accepts; it raises ConfigError for what it does not."""
        question = questionary.text(text, default=default, validate=_validate(check))
        return str(_asked(question)).strip()

    def hidden(self, text: str, check: Check) -> str:
        """Return a secret that `check` accepts, or nothing; it is not shown while typed."""

        def optional(answer: str) -> object:
            return answer and check(answer)

        return str(_asked(questionary.password(text, validate=_validate(optional)))).strip()

    def agrees(self, text: str, *, default: bool) -> bool:
        """Return whether the answer was yes."""
        return bool(_asked(questionary.confirm(text, default=default)))


def _asked(question: Question) -> object:
    application = question.application
    leaving = KeyBindings()

    # Lists and yes or no would let the key pass.
    @leaving.add("c-d")
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    own = application.key_bindings
    application.key_bindings = merge_key_bindings([own, leaving]) if own else leaving
    return question.unsafe_ask()


def _validate(check: Check) -> Callable[[str], bool | str]:
    """Return what questionary asks of an answer: true, or what is wrong with it."""

    def validate(answer: str) -> bool | str:
        try:
            check(answer.strip())
        except ConfigError as error:
            return str(error)
        return True

    return validate
