"""`llm_config`: where the model is, how it is asked, how often, and what it may cost."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from llm_modules.config.blocks import Block, Percent, as_tuple

API_KEY_VARIABLE = "LLM_API_KEY"

TapeMode = Literal["record", "replay", "replay_or_record"]
DecisionScope = Literal["pair", "portfolio"]


_HOST = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[^\s\\]*)?", re.ASCII)


def _a_name(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("a model's name, without space around it and control characters")
    return value


ModelName = Annotated[str, AfterValidator(_a_name)]


def _has_a_host(value: str) -> bool:
    try:
        # A port that is none, or an address in brackets that is none.
        return _HOST.fullmatch(value) is not None and urlsplit(value).port != 0
    except ValueError:
        return False


class ServerConfig(Block):
    """A model at a server: a preset's name, an address, or both."""

    provider: str = Field(
        default="", description="a preset of docs/models.md; empty: recognised by its address"
    )
    api_base: str = Field(
        default="", description="URL of the server, with or without /v1; empty: the provider's own"
    )
    model: ModelName = Field(description="the model's name at that server; empty: the sandbox")

    @field_validator("api_base")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("a URL that starts with http:// or https://, or empty")
        # All would be sent in place of the key, and stand in error messages.
        if any(mark in value for mark in "@?#"):
            raise ValueError(
                f"a URL without user, password, query or fragment: a key is {API_KEY_VARIABLE}"
            )
        if value and not _has_a_host(value):
            raise ValueError("a URL such as https://host/v1 or http://127.0.0.1:8000/v1, or empty")
        return value

    @model_validator(mode="after")
    def _model_has_a_server(self) -> Self:
        if bool(self.model) != bool(self.api_base or self.provider):
            raise ValueError(
                "a model and its server (provider or api_base) named together, or all of them empty"
            )
        return self


class PriceConfig(Block):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(ge=0, le=10_000, description="of a prompt")
    output: float = Field(ge=0, le=10_000, description="of an answer, reasoning included")
    cached: float | None = Field(
        default=None, ge=0, le=10_000, description="of a prompt's cached part; null: as `input`"
    )


class BudgetConfig(Block):
    """What asking may cost; null is no limit. Days and months are those of UTC."""

    usd_per_day: float | None = Field(default=None, gt=0, description="US dollars a day")
    usd_per_month: float | None = Field(default=None, gt=0, description="US dollars a month")
    tokens_per_day: int | None = Field(default=None, gt=0, description="tokens a day")
    tokens_per_month: int | None = Field(default=None, gt=0, description="tokens a month")

    @model_validator(mode="after")
    def _a_day_is_within_its_month(self) -> Self:
        for unit in ("usd", "tokens"):
            day, month = (getattr(self, f"{unit}_per_{span}") for span in ("day", "month"))
            if day and month and day > month:
                raise ValueError(f"{unit}_per_day within {unit}_per_month, {day} is more")
        return self


class AskingConfig(Block):
    """How seldom the model may be asked; as shipped it is asked about each pair and candle."""

    scope: DecisionScope = Field(
        default="pair", description="one question per pair, or one for all pairs of a candle"
    )
    flat_every_candles: int = Field(default=1, ge=1, le=1000, description="cadence while flat")
    in_position_every_candles: int = Field(
        default=1, ge=1, le=1000, description="cadence while in a position"
    )
    skip_unchanged: bool = Field(
        default=False, description="do not ask again while the market is as it was when asked"
    )
    same_price_pct: Percent = Field(
        default=0.3, description="unchanged: price moved less than this"
    )
    same_indicator_points: float = Field(
        default=5.0, gt=0, le=100, description="unchanged: RSI, ADX and their like moved less"
    )
    same_profit_points: float = Field(
        default=1.0, gt=0, le=1000, description="unchanged: a position's profit moved less, in %"
    )
    longest_silence_candles: int = Field(
        default=6, ge=1, le=1000, description="candles after which an unchanged market is asked of"
    )
    cache_minutes: float = Field(
        default=0,
        ge=0,
        le=10_080,
        description="minutes a wait or hold counts; 0: off",
    )
    cheap_model: ModelName = Field(
        default="", description="asked first, at the same server; empty: only `model` is asked"
    )
    escalate_below_confidence: float = Field(
        default=60, ge=1, le=100, description="a cheap answer less sure is asked anew"
    )

    @property
    def asks_every_time(self) -> bool:
        """Whether each pair is asked about at each candle, as it is shipped."""
        cadence = max(self.flat_every_candles, self.in_position_every_candles)
        return cadence == 1 and not self.skip_unchanged and not self.cache_minutes

    @model_validator(mode="after")
    def _cheap_answers_are_about_one_pair(self) -> Self:
        if self.cheap_model and self.scope == "portfolio":
            raise ValueError(
                "no cheap_model where scope is portfolio: empty one, or set the other to pair"
            )
        return self


class LLMConfig(ServerConfig):
    """Where the model is and how it is asked. An empty `model` means the sandbox."""

    api_key: str = Field("", description="always empty: the key is read from LLM_API_KEY")
    fallbacks: Annotated[
        tuple[ServerConfig, ...], BeforeValidator(as_tuple), Field(max_length=5)
    ] = Field(default=(), description="models asked in turn when the one before fails")
    temperature: float = Field(ge=0, le=2, description="randomness of the answer")
    max_tokens: int = Field(ge=64, le=128_000, description="longest answer, in tokens")
    timeout: float = Field(gt=0, le=3600, description="seconds for a decision, retries included")
    connect_timeout: float = Field(
        default=5, gt=0, le=3600, description="seconds to reach the server"
    )
    read_timeout: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="longest silence of a server before a request is given up",
    )
    retry_times: int = Field(ge=0, le=10, description="further attempts after a failed request")
    max_concurrent: int = Field(
        default=64, ge=1, le=1000, description="requests under way at once, per server"
    )
    requests_per_minute: int = Field(
        default=0, ge=0, le=1_000_000, description="per server; 0: as many as there are"
    )
    tokens_per_minute: int = Field(
        default=0, ge=0, le=1_000_000_000, description="per server; 0: as many as there are"
    )
    breaker_failures: int = Field(
        default=5, ge=1, le=1000, description="failures in a row after which a server is let be"
    )
    breaker_seconds: float = Field(
        default=60, gt=0, le=3600, description="so long, then one request finds out"
    )
    tape_mode: TapeMode = Field(
        default="record",
        description="ask and record; or answer from the tape, alone or where it can",
    )
    asking: AskingConfig = Field(default_factory=AskingConfig, description="ask less")
    budget: BudgetConfig = Field(default_factory=BudgetConfig, description="limits of cost")
    prices: dict[str, PriceConfig] = Field(
        default_factory=dict, description="prices by model, before those of the built-in table"
    )

    @property
    def is_played(self) -> bool:
        """Whether every answer is played back from the tape, and no server is asked."""
        return self.tape_mode == "replay"

    @field_validator("prices")
    @classmethod
    def _names_models(cls, value: dict[str, PriceConfig]) -> dict[str, PriceConfig]:
        for name in value:
            if not _a_name(name).strip("*"):
                raise ValueError(f"the names of models: {name!r} would be the price of any")
        return value

    @field_validator("fallbacks")
    @classmethod
    def _fallbacks_are_models(cls, value: tuple[ServerConfig, ...]) -> tuple[ServerConfig, ...]:
        if not all(server.model for server in value):
            raise ValueError("models with their server: one without a model answers nothing")
        return value

    @model_validator(mode="after")
    def _cheap_model_is_another(self) -> Self:
        if self.model and self.asking.cheap_model == self.model:
            raise ValueError("asking.cheap_model is `model` itself: name a cheaper one, or none")
        return self

    @field_validator("api_key")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        if value:
            raise ValueError("a key does not belong in config.json: run ./manage.sh move-keys")
        return value
