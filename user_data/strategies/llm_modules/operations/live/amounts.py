"""The limits of the risk gate in money: what the account holds, and what of it can be lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from llm_modules.config import RiskConfig
from llm_modules.operations.settings.reading import Settings, value_at

# Freqtrade's own where the settings name none.
USUAL_RATIO = 0.99
CENTS = 2
# Of a coin that is worth thousands two digits would say nothing.
SATOSHIS = 8
COINS = {"BTC", "ETH", "BNB"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One amount: what it is, how much, and where that comes from."""

    name: str
    amount: str
    source: str


@dataclass(frozen=True, slots=True)
class Stakes:
    """An account about to be traded; amounts are of the stake currency.

    `balance` is all of it on the exchange, which the limits are percentages of; `at_risk` is what
    the bot may use.
    """

    currency: str
    balance: float
    at_risk: Decimal

    @property
    def shown(self) -> str:
        """The amount at risk as it has to be typed."""
        return f"{self.at_risk} {self.currency}"

    def money(self, amount: float) -> str:
        """Write an amount for people."""
        return f"{rounded(amount, self.currency):,} {self.currency}"


def stakes_of(settings: Settings, balance: float) -> Stakes:
    """Return what is at risk of a balance under checked settings."""
    currency = str(settings["stake_currency"])
    usable = balance * _ratio(settings)
    capital = value_at(settings, "available_capital")
    if capital is not None:
        # Freqtrade takes this in place of the share; more than there is cannot be lost.
        usable = min(float(capital), balance)
    return Stakes(currency, balance, rounded(usable, currency))


def rounded(amount: float, currency: str) -> Decimal:
    """Return an amount with as many digits as the currency is shown with."""
    digits = SATOSHIS if currency in COINS else CENTS
    return Decimal(str(amount)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def is_amount(text: str, stakes: Stakes) -> bool:
    """Tell whether a text names exactly the amount at risk, with its currency or without."""
    number = text.strip().removesuffix(stakes.currency).strip()
    try:
        return Decimal(number) == stakes.at_risk
    except InvalidOperation:
        return False


def figures(settings: Settings, risk: RiskConfig, stakes: Stakes) -> Iterator[Figure]:
    """Yield every limit in money, the account first."""

    def share(pct: float) -> str:
        return stakes.money(stakes.balance * pct / 100)

    yield Figure("account", stakes.money(stakes.balance), "as the exchange tells it")
    yield Figure("the bot may use", stakes.shown, _usable_source(settings))
    notional = share(risk.max_position_pct * risk.max_leverage)
    yield Figure(
        "largest position",
        share(risk.max_position_pct),
        f"stake; up to {notional} with leverage (max_position_pct, max_leverage)",
    )
    yield Figure(
        "all positions",
        share(risk.max_total_stake_pct),
        f"stakes; up to {share(risk.max_total_notional_pct)} with leverage "
        "(max_total_stake_pct, max_total_notional_pct)",
    )
    yield Figure(
        "loss of a trade",
        share(risk.risk_per_trade_pct),
        "at its stop (risk_per_trade_pct); in a gap up to its whole stake",
    )
    yield from _loss_figures(risk, share(risk.daily_loss_limit_pct), stakes)


def _loss_figures(risk: RiskConfig, pause: str, stakes: Stakes) -> Iterator[Figure]:
    total = stakes.money(-risk.emergency_stop_loss * stakes.balance)
    yield Figure("loss of a day", pause, "then nothing new is opened (daily_loss_limit_pct)")
    if risk.emergency_day_loss is not None:
        day = stakes.money(-risk.emergency_day_loss * stakes.balance)
        yield Figure("", day, "then everything is closed, trading ends (emergency_day_loss)")
    source = "below the peak, then everything is closed, trading ends (emergency_stop_loss)"
    yield Figure("emergency stop", total, source)


def _ratio(settings: Settings) -> float:
    ratio = value_at(settings, "tradable_balance_ratio")
    return USUAL_RATIO if ratio is None else float(ratio)


def _usable_source(settings: Settings) -> str:
    if value_at(settings, "available_capital") is not None:
        return "available_capital"
    return f"tradable_balance_ratio {_ratio(settings):g}"
