"""The very flow of the bot up to the model, where a listener sits who answers nothing.

Journals are copied first: what the past taught is read as the bot reads it, and nothing that is
noted here reaches the user's files.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from llm_modules.config import TraderConfig
from llm_modules.context.quoting import one_word
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.engine.cycle import Rooms, look
from llm_modules.engine.desk import Desk
from llm_modules.engine.inline import InlineService
from llm_modules.engine.question import Question
from llm_modules.engine.startup import Premises, open_desk
from llm_modules.errors import ConfigError, MarketDataError, ProviderError, UserError
from llm_modules.gate.clearance import CLEARANCE_NAME
from llm_modules.gate.risk_state import state_name
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.operations.records.journals import Journals, journals_of
from llm_modules.preview.looking import Glance, Look, looked
from llm_modules.preview.made_up import held, made_up
from llm_modules.preview.options import PreviewOptions
from llm_modules.preview.scene import Market, Scene

# Asked whatever would be spared: what is wanted is the question.
EVERY_CANDLE = {
    "flat_every_candles": 1,
    "in_position_every_candles": 1,
    "skip_unchanged": False,
    "cache_minutes": 0,
    "cheap_model": "",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as it would go out, and what of it is real."""

    pair: str
    at: datetime
    prompt: Prompt
    limit: int
    market: Market
    timeframe: str
    model: str
    position: str


class Listener:
    """Stands where the model does, and keeps what it is shown."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Keep the prompt and answer nothing."""
        del inquiry, model
        self.prompts.append(prompt)
        # The flow has to end here as it does where a server is away: nothing is booked.
        raise ProviderError("unavailable", "nobody is asked")

    async def close(self) -> None:
        """Nothing is open."""


def question_now(scene: Scene, options: PreviewOptions, folder: Path) -> Asked:
    """Return what the model would be asked about a pair now; `folder` is for what is passing.

    Raises UserError where there is nothing to ask, FreqtradeException where the exchange is away.
    """
    listener, told = Listener(), list[DecisionLine]()
    with looked(scene, options.pair, folder) as seen:
        desk, rooms = _opened(scene, folder, seen, (listener, told))
        try:
            questions = _questions(desk, scene, seen)
            question = _about(options.pair, questions, scene, seen)
            shown, position = _with_position(question, options, rooms)
            asked = [shown if one is question else one for one in questions]
            desk.ask(asked if scene.asks_about_all else [shown])
        finally:
            desk.stop()
    return Asked(
        pair=options.pair,
        at=question.candle_at,
        prompt=_prompt_about(options.pair, listener.prompts, told),
        limit=rooms.config.context_config.max_context_tokens,
        market=scene.market,
        timeframe=scene.basis.timeframe,
        model=rooms.config.llm_config.model,
        position=position,
    )


def _opened(
    scene: Scene, folder: Path, seen: Look, heard: tuple[Listener, list[DecisionLine]]
) -> tuple[Desk, Rooms]:
    """Open the desk on copies of what the bot remembers."""
    kept: list[Rooms] = []
    listener, told = heard

    def keep(rooms: Rooms) -> Rooms:
        kept.append(replace(rooms, heard=told.append))
        return kept[-1]

    places = scene.basis.places
    # Everything that would be written leads into the passing folder; what is read is the user's.
    premises = Premises(
        clock=partial(_same, seen.at),
        # In this thread: when the desk returns, the question is there.
        service=InlineService,
        tape=folder / "tape.sqlite",
        findings=places.findings,
        prompts=places.prompts,
        client=listener,
        refit=keep,
    )
    config = _on_copies(scene, folder)
    currency = str(scene.basis.settings["stake_currency"])
    desk = open_desk(config, scene.mode, currency, folder, scene.basis.environment, premises)
    return desk, kept[0]


def _on_copies(scene: Scene, folder: Path) -> TraderConfig:
    """Copy journals, peak of equity and clearance; return settings that lead to the copies."""
    places, config = scene.basis.places, scene.basis.config
    journals = journals_of(places, scene.basis.settings)
    copies = Journals(folder / "logs" / "decisions.jsonl", folder / "logs" / "trades.jsonl")
    # Copies and not the files: opening a journal locks it and mends torn ends.
    copies.decisions.parent.mkdir()
    _copy_journal(journals.decisions, copies.decisions)
    _copy_journal(journals.trades, copies.trades)
    state = state_name(scene.mode)
    for theirs, ours in (
        (places.logs / state, folder / "logs" / state),
        (places.user_data / CLEARANCE_NAME, folder / CLEARANCE_NAME),
    ):
        if theirs.exists():
            shutil.copyfile(theirs, ours)
    paths = {"decision_log_path": str(copies.decisions), "trade_log_path": str(copies.trades)}
    asking = config.llm_config.asking.model_copy(update=EVERY_CANDLE)
    return config.model_copy(
        update={
            "experience_config": config.experience_config.model_copy(update=paths),
            "llm_config": config.llm_config.model_copy(update={"asking": asking}),
        }
    )


def _copy_journal(theirs: Path, ours: Path) -> None:
    """Copy what is written to, and link to full parts: those never change."""
    for path in sorted(theirs.parent.glob(f"{theirs.name}.0*")):
        ours.with_name(ours.name + path.name.removeprefix(theirs.name)).symlink_to(path.absolute())
    if theirs.exists():
        shutil.copyfile(theirs, ours)


def _questions(desk: Desk, scene: Scene, seen: Look) -> tuple[Question, ...]:
    """Put the questions of this moment, as the strategy does at each loop."""
    basis = scene.basis
    view = Glance(
        seen.source,
        basis.timeframe,
        basis.timeframes[1:],
        {},
        is_live=scene.mode == "live",
    )
    currency = str(basis.settings["stake_currency"])
    account = view.account(seen.wallets, currency, seen.trades)
    # The world first: a question is put from the account that is known by then.
    desk.observe(account, view.positions(seen.trades), (), seen.at)
    return view.due(desk.world(), (), scene.mode, seen.at)


def _about(pair: str, questions: Sequence[Question], scene: Scene, seen: Look) -> Question:
    for question in questions:
        if question.pair == pair:
            return question
    closed_at = seen.source.newest_close(pair, scene.basis.timeframe)
    newest = f"the newest closed {closed_at:%Y-%m-%d %H:%M} UTC" if closed_at else "there is none"
    raise UserError(f"{pair} has no candle to be asked about now: {newest}")


def _with_position(
    question: Question, options: PreviewOptions, rooms: Rooms
) -> tuple[Question, str]:
    """Return the question as it is to be shown, and say what its position is."""
    if question.position is not None:
        return question, "really open"
    if not options.in_position:
        return question, "none"
    try:
        risk = rooms.config.risk_management
        position = made_up(question, risk, lambda one: look(one, rooms).snapshot)
    except MarketDataError as error:
        raise UserError(f"no position can be made up: {error}") from error
    return replace(question, world=held(question.world, position)), "made up"


def _prompt_about(pair: str, prompts: Sequence[Prompt], told: Sequence[DecisionLine]) -> Prompt:
    """Return the prompt that tells of a pair. Raises ConfigError where none could be written."""
    for prompt in prompts:
        if one_word(pair) in prompt.messages[-1].content:
            return prompt
    faults = [one.fault for one in told if isinstance(one, DecisionRecord) and one.pair == pair]
    raise ConfigError(f"{pair}: no question can be asked: {faults[-1] if faults else 'unknown'}")


def _same(moment: datetime) -> datetime:
    return moment
