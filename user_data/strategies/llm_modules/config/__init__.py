"""Our four blocks of config.json as frozen, strict models; secrets come from the environment.

Everything is handed in: nothing here reads a file. The keys of each block are its
fields; a key without default must be present, a key that is not listed is refused.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from llm_modules.config.blocks import TIMEFRAMES, Block, as_tuple
from llm_modules.config.llm import (
    API_KEY_VARIABLE,
    AskingConfig,
    BudgetConfig,
    LLMConfig,
    PriceConfig,
    ServerConfig,
)
from llm_modules.config.risk import RiskConfig
from llm_modules.domain import Language
from llm_modules.errors import ConfigError

__all__ = [
    "API_KEY_VARIABLE",
    "CANDLE_COLUMNS",
    "INDICATOR_COLUMNS",
    "TABLE_COLUMNS",
    "TAPE_NAME",
    "TIMEFRAMES",
    "AskingConfig",
    "BudgetConfig",
    "ContextConfig",
    "ExperienceConfig",
    "LLMConfig",
    "PriceConfig",
    "RiskConfig",
    "ServerConfig",
    "TraderConfig",
    "parse_config",
]

TAPE_NAME = "llm_tape.sqlite"
# Where pydantic speaks of Python's types.
_KINDS = {
    "model_type": 'a block of keys, as {"key": value}',
    "dict_type": 'a block of keys, as {"key": value}',
    "tuple_type": "a list, as [..]",
}
CANDLE_COLUMNS = ("open", "high", "low", "close", "volume")
# What is computed of every timeframe; `extra_indicators` adds to it.
INDICATOR_COLUMNS = (
    *("ema_20", "ema_50", "rsi_14", "macd", "macd_signal", "macd_hist", "atr_14", "adx_14"),
    *("mfi_14", "obv", "bb_upper", "bb_middle", "bb_lower"),
)
TABLE_COLUMNS = (*CANDLE_COLUMNS, *INDICATOR_COLUMNS)


class ExperienceConfig(Block):
    """What is recorded, where, and how much of it comes back into the context."""

    enabled: bool = Field(default=True, description="the past comes back into the context")
    log_decisions: bool = Field(
        description="write llm_decisions.jsonl; false: nothing is opened, for want of a record"
    )
    log_trades: bool = Field(description="write trade_experience.jsonl")
    decision_log_path: str = Field(min_length=1, description="file of decisions")
    trade_log_path: str = Field(min_length=1, description="file of closed trades")
    decision_log_durability: Literal["none", "flush", "fsync"] = Field(
        default="flush", description="what a written decision survives: docs/journals.md"
    )
    log_rotate_megabytes: int = Field(
        default=32, ge=1, le=1024, description="size at which a journal starts a new file"
    )
    decision_log_kept_parts: int = Field(
        default=24, ge=0, le=10_000, description="rotated files of decisions kept, 0: all"
    )
    trade_log_kept_parts: int = Field(
        default=0, ge=0, le=10_000, description="the same for closed trades"
    )
    max_recent_trades_context: int = Field(ge=0, le=100, description="past trades shown")
    max_recent_decisions_context: int = Field(ge=0, le=100, description="past decisions shown")
    include_pair_specific_trades: bool = Field(
        description="past trades of the same pair come first"
    )
    max_lessons_context: int = Field(default=3, ge=0, le=20, description="lessons shown")
    lesson_half_life_days: float = Field(
        default=30, ge=1, le=3650, description="age at which a trade's evidence counts half"
    )
    lesson_model: str = Field(
        default="", description="model that words the lesson of each trade; empty: rules alone"
    )
    reward_learning: bool = Field(default=True, description="keep and show reward_learning.json")
    reward_formula: Literal["default", "classic"] = Field(
        default="default", description="how a loss is rewarded: docs/learning.md"
    )

    @property
    def reward_path(self) -> Path:
        """`reward_learning.json` lives beside the trades it is computed from."""
        return Path(self.trade_log_path).parent / "reward_learning.json"

    @property
    def tape_path(self) -> Path:
        """`llm_tape.sqlite` lives beside the decisions whose prompts it holds."""
        return Path(self.decision_log_path).parent / TAPE_NAME


class ContextConfig(Block):
    """What the model sees of the market, and how long the prompt may be."""

    language: Language = Field(
        default="en", description="of prompts, lessons and what else the model is told"
    )
    max_context_tokens: int = Field(ge=500, le=1_000_000, description="longest prompt, with tools")
    indicator_history_points: int = Field(ge=1, le=500, description="rows of indicator history")
    raw_kline_history_points: int = Field(ge=0, le=500, description="rows of candle history")
    table_columns: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)] = (
        Field(
            default=("high", "low", "close", "volume", "rsi_14"),
            description="columns of the candle tables",
        )
    )
    timeframe_columns: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        default=("bb_lower", "bb_upper"),
        description="indicators told of each informative timeframe beside its trend",
    )
    include_multi_timeframe_data: bool = Field(
        description="also show candle rows of the informative timeframes"
    )
    multi_timeframe_history: dict[str, Annotated[int, Field(ge=1, le=500)]] = Field(
        description="rows per informative timeframe, 10 where not named"
    )
    informative_timeframes: Annotated[
        tuple[str, ...], BeforeValidator(as_tuple), Field(max_length=5)
    ] = Field(default=("1h", "4h", "1d"), description="timeframes beside the main one")
    extra_indicators: Annotated[
        tuple[str, ...], BeforeValidator(as_tuple), Field(max_length=20)
    ] = Field(default=(), description="names of further pandas_ta indicators, default settings")

    @field_validator("informative_timeframes")
    @classmethod
    def _are_timeframes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in TIMEFRAMES]
        if unknown or len(set(value)) != len(value):
            raise ValueError(f"different timeframes out of {', '.join(TIMEFRAMES)}")
        return value

    @field_validator("table_columns")
    @classmethod
    def _are_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _different(value, TABLE_COLUMNS)

    @field_validator("timeframe_columns")
    @classmethod
    def _are_indicators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _different(value, INDICATOR_COLUMNS)

    @model_validator(mode="after")
    def _history_names_shown_timeframes(self) -> Self:
        extra = sorted(set(self.multi_timeframe_history) - set(self.informative_timeframes))
        if extra:
            raise ValueError(
                f"multi_timeframe_history names {extra}, not in informative_timeframes"
            )
        return self


class TraderConfig(Block):
    """All four blocks, as every room gets them."""

    llm_config: LLMConfig
    risk_management: RiskConfig
    experience_config: ExperienceConfig
    context_config: ContextConfig


def parse_config(merged: Mapping[str, Any]) -> TraderConfig:
    """Read our blocks from Freqtrade's merged configuration.

    Raises ConfigError with one line per wrong key: the key, what was found, what is allowed.
    """
    blocks = {name: merged[name] for name in TraderConfig.model_fields if name in merged}
    try:
        return TraderConfig.model_validate(blocks)
    except ValidationError as error:
        problems = [_sentence(item, merged) for item in error.errors(include_url=False)]
    # Outside the except: a chained ValidationError would print the value, perhaps a key.
    raise ConfigError("config.json cannot be used:\n  " + "\n  ".join(problems))


def _different(value: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    if set(value) - set(known) or len(set(value)) != len(value):
        raise ValueError(f"different names out of {', '.join(known)}")
    return value


def _sentence(item: Any, merged: Mapping[str, Any]) -> str:
    """Word one validation error: which key, what was found, what is allowed."""
    path = [str(part) for part in item["loc"]]
    key = ".".join(path)
    if item["type"] == "missing":
        return f"{key}: missing{_did_you_mean(path[-1], _block_at(merged, item['loc'][:-1]))}"
    if item["type"] == "extra_forbidden":
        allowed, place = _allowed_beside(path), ".".join(path[:-1])
        return f"{key}: unknown key; allowed in {place}: {', '.join(allowed)}"
    found = "a secret" if _may_be_secret(path[-1], item["input"]) else _shown(item["input"])
    message = _KINDS.get(item["type"], item["msg"])
    message = message.removeprefix("Value error, ").removeprefix("Input should be ")
    if len(path) == 1:
        return f"{key}: {message}"
    return f"{key}: found {found}, expected {message}"


def _block_at(merged: Any, place: Sequence[str | int]) -> object:
    """Return what stands at a place of the settings, however deep."""
    for name in place:
        merged = merged[name]
    return merged


def _shown(value: object) -> str:
    # As the file has it.
    return "null" if value is None else repr(value)


def _allowed_beside(path: Sequence[str]) -> list[str]:
    """Return the keys of the block that the last name of a path stands in, however deep."""
    block: Any = TraderConfig
    for name in path[:-1]:
        # A list or a mapping of blocks has numbers or names of the user's in between.
        fields = getattr(block, "model_fields", {})
        block = _block_in(fields[name].annotation) if name in fields else block
    return sorted(block.model_fields)


def _block_in(annotation: Any) -> Any:
    """Return the block an annotation speaks of: itself, or the items of its list or mapping."""
    inner = get_args(annotation)
    if not inner:
        return annotation
    blocks = [found for found in map(_block_in, inner) if hasattr(found, "model_fields")]
    return blocks[0] if blocks else annotation


def _may_be_secret(key: str, value: object) -> bool:
    # Who puts a key into an address should not find it in a log.
    return key == "api_key" or (key == "api_base" and any(mark in str(value) for mark in "@?#"))


def _did_you_mean(name: str, found: object) -> str:
    close = difflib.get_close_matches(name, list(found) if isinstance(found, Mapping) else [])
    return f"; found {close[0]!r}, did you mean {name!r}?" if close else ""
