"""What `doctor` is given to look at, and what it says of each thing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from llm_modules.config import RiskConfig, TraderConfig
from llm_modules.llm.meter import Meter, NoMeter
from llm_modules.operations.doctor.exchange_answer import AskExchange, ExchangeAnswer, Fault
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import Settings, value_at

# From best to worst.
Health = Literal["ok", "warn", "fail"]
# US dollars at most, from provider, model, and tokens of prompt and answer; None: no price known.
MostCost = Callable[[str, str, int, int], float | None]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How one thing is, in a sentence, and what to do about it; `about` is its heading."""

    health: Health
    about: str
    subject: str
    sentence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What is asked for: `calls` False asks no model, `again` also one with a fresh finding."""

    calls: bool = True
    again: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class Purse:
    """What counts the requests that are made, and what others would cost."""

    meter: Meter
    most_cost: MostCost


def no_purse(_config: TraderConfig | None = None) -> Purse:
    """Return a purse that counts nothing and knows no price."""
    return Purse(NoMeter(), lambda _provider, _model, _prompt_tokens, _answer_tokens: None)


def no_exchange(_question: object) -> ExchangeAnswer:
    """Answer as an exchange does that cannot be reached."""
    return ExchangeAnswer(faults={"open": Fault(trouble="unreachable")})


@dataclass(frozen=True, slots=True)
class Case:
    """A bot to look at.

    `config` is None when its settings cannot be used, for the reasons in `problems`, and when a
    sandbox does not run whose model could be asked. `keys` are the variables that may hold the keys
    of its models, none of them in the sandbox. `limits` are there wherever the settings are usable.
    """

    session: Session
    options: DoctorOptions
    settings: Settings = field(default_factory=dict)
    config: TraderConfig | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    limits: RiskConfig | None = None
    purse: Purse = field(default_factory=no_purse)
    ask_exchange: AskExchange = no_exchange
    problems: tuple[str, ...] = ()
    is_sandbox: bool = False

    @property
    def is_live(self) -> bool:
        """Tell whether the settings ask for real money."""
        return not self.is_sandbox and value_at(self.settings, "dry_run") is False


Examination = Callable[[Case], Iterable[Diagnosis]]


def worst(found: Iterable[Diagnosis]) -> Health:
    """Return the worst health among what was found, `ok` when that is nothing."""
    return max((one.health for one in found), key=get_args(Health).index, default="ok")
