"""Why a bot may not trade real money yet: rules that look at the evidence and yield reasons.

All run, so that every reason is known at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llm_modules.operations.doctor.diagnosis import Case, Diagnosis
from llm_modules.operations.doctor.exchange_answer import ExchangeAnswer
from llm_modules.operations.running.halting import halts
from llm_modules.operations.settings.guarded_api import reachable_api, weak_secrets
from llm_modules.operations.settings.reading import Settings, value_at
from llm_modules.operations.viewing.render import printable

SELFTEST = "selftest"
# Farther away than this a stop is none: the position is long liquidated.
FARTHEST_STOP_PCT = 25.0
DEEPEST_STOPLOSS = -0.99


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out: doctor's rows, the exchange's answer, and what is missing of a selftest.

    `answer` is None where no exchange was asked, as for a bot without a model. `rights_checked`:
    someone looked at the rights of a key by hand that cannot be read.
    """

    case: Case
    found: tuple[Diagnosis, ...]
    answer: ExchangeAnswer | None
    no_clearance: str | None
    rights_checked: bool = False

    @property
    def settings(self) -> Settings:
        """The merged settings."""
        return self.case.settings


Reason = Callable[[Evidence], Iterator[str]]


def reasons_against(evidence: Evidence) -> list[str]:
    """Return every reason not to trade real money, nothing when there is none."""
    return _reasons(evidence, RULES)


def reasons_at_once(case: Case) -> list[str]:
    """Return the reasons for which nothing has to be run and nobody to be asked."""
    return _reasons(Evidence(case, (), answer=None, no_clearance=None), AT_ONCE)


def asks_for_real_money(evidence: Evidence) -> Iterator[str]:
    """Demand that the settings say so themselves: no command writes them."""
    if not value_at(evidence.settings, "llm_config.model"):
        yield "no model is named in llm_config: this is the sandbox, with a program for a model"
    if value_at(evidence.settings, "dry_run") is not False:
        yield 'dry_run is not false: set "dry_run": false in config.json yourself'


def doctor_found_no_failure(evidence: Evidence) -> Iterator[str]:
    """Demand that nothing of what doctor looked at failed, journals and exchange included."""
    for one in evidence.found:
        # What it says of the selftest may be older than the selftest.
        if one.health == "fail" and one.subject != SELFTEST:
            yield f"doctor: {one.about}, {one.subject}: {one.sentence}"


def selftest_passed(evidence: Evidence) -> Iterator[str]:
    """Demand the clearance."""
    if evidence.no_clearance is not None:
        yield evidence.no_clearance


def nothing_halts(evidence: Evidence) -> Iterator[str]:
    """Demand that somebody has looked at every halt and lifted it."""
    for name, words in halts(evidence.case.session.places):
        yield f"{name.lower()}: {words}: ./manage.sh resume"


def credentials_are_own(evidence: Evidence) -> Iterator[str]:
    """Demand secrets that nobody can guess; none is ever shown."""
    yield from weak_secrets(evidence.settings)


def api_is_out_of_reach(evidence: Evidence) -> Iterator[str]:
    """Demand that nobody on another machine can trade through the API."""
    yield from reachable_api(evidence.settings)


def stops_hold(evidence: Evidence) -> Iterator[str]:
    """Demand a stop for every position, on the exchange, near enough to be one."""
    settings, limits = evidence.settings, evidence.case.limits
    if "stoploss" in settings and not _is_stop(settings["stoploss"]):
        yield f"stoploss is {settings['stoploss']!r}: take it out, or name one from -0.99 to 0"
    if settings.get("use_custom_stoploss", True) is not True:
        yield "use_custom_stoploss is off: every stop of the gate needs it"
    types = settings.get("order_types")
    if types is not None and value_at(settings, "order_types.stoploss_on_exchange") is not True:
        yield (
            "order_types is set without stoploss_on_exchange true: the exchange would hold no "
            "stop while the bot is down; take order_types out"
        )
    if limits is not None and limits.max_stop_pct > FARTHEST_STOP_PCT:
        yield (
            f"risk_management.max_stop_pct is {limits.max_stop_pct:g}: a stop that far away is "
            f"none, expected at most {FARTHEST_STOP_PCT:g}"
        )


def key_may_not_withdraw(evidence: Evidence) -> Iterator[str]:
    """Demand a key without the right to withdraw; a right that cannot be read counts as given."""
    answer = evidence.answer
    if answer is None:
        return
    if answer.rights is not None and answer.rights.withdraws:
        yield "the exchange's key may withdraw: make one without that right"
    if answer.rights is None and not evidence.rights_checked:
        yield (
            "the rights of the exchange's key could not be read: look at them on the exchange's "
            "page, and say so with --rights-checked"
        )


def account_holds_money(evidence: Evidence) -> Iterator[str]:
    """Demand a balance: without one nobody can know what is at risk."""
    if evidence.answer is None:
        return
    currency = evidence.settings.get("stake_currency")
    if evidence.answer.balance is None:
        yield "the account's balance could not be read, so what is at risk is not known"
    elif not evidence.answer.balance.total > 0:
        yield f"there is no {currency} in the futures account"


def _is_stop(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return DEEPEST_STOPLOSS <= value < 0


def _reasons(evidence: Evidence, rules: tuple[Reason, ...]) -> list[str]:
    return [printable(reason) for rule in rules for reason in rule(evidence)]


# A selftest and doctor take minutes: nobody waits for them to hear of an empty key.
AT_ONCE: tuple[Reason, ...] = (
    asks_for_real_money,
    credentials_are_own,
    api_is_out_of_reach,
    stops_hold,
    nothing_halts,
)
RULES: tuple[Reason, ...] = (
    *AT_ONCE,
    key_may_not_withdraw,
    account_holds_money,
    selftest_passed,
    doctor_found_no_failure,
)
