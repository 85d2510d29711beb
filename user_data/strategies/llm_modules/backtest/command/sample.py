"""A few candles of the very run, decided by the scripted policy, to measure what prompts take."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.command.freqtrade_config import Window, adopt, freqtrade_config
from llm_modules.backtest.command.world import played, world_of
from llm_modules.backtest.crew import Tell
from llm_modules.backtest.outcome import Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.settings import BacktestSettings
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.weights import tokens, weight


@dataclass(frozen=True, slots=True)
class Sample:
    """How many decisions were looked at, and the prompts they took, with their tokens in all."""

    decided: int
    prompts: int
    tokens: int


class Weighing(PolicyClient):
    """The scripted policy, which weighs what it is shown."""

    def __init__(self) -> None:
        self.prompts = self.tokens = 0

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Answer as the policy does."""
        self.prompts += 1
        # The tools are in it too: they are sent, and paid for, with each question.
        self.tokens += tokens(weight(json.dumps(asdict(prompt), ensure_ascii=False)))
        return await super().ask(prompt, inquiry, model=model)


def sampled(basis: Basis, window: Window, _tell: Tell) -> Sample:
    """Play a window of a few candles and return what its prompts took; nothing of it is kept."""
    adopt(basis.environment)
    client = Weighing()
    # On a tape of its own: on the run's it would be found, and played as the model's answers.
    with TemporaryDirectory(prefix="backtest-") as folder:
        settings = BacktestSettings(folder=f"{folder}/journals", tape=f"{folder}/tape.sqlite")
        config = freqtrade_config(basis, window, settings, None)
        world = world_of(config, Path(folder), mask=False)
        outcome = played(world, Variant(client=client))
    return Sample(outcome.decided, client.prompts, client.tokens)
