"""The five perpetual contracts the sandbox lists, with the filters of Binance USD-M.

Tick and lot sizes are those that the recorded prices and volumes obey; notionals and largest
quantities are the order of magnitude Binance publishes and are no reference.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contract:
    """One USDT-margined perpetual; a tick is `10 ** -price_decimals` USDT, lots likewise.

    `min_notional` is in USDT, the largest quantities are in the base currency.
    """

    base: str
    price_decimals: int
    quantity_decimals: int
    min_notional: int
    max_quantity: int
    max_market_quantity: int

    @property
    def symbol(self) -> str:
        """Binance's name of the contract, such as `BTCUSDT`."""
        return f"{self.base}USDT"

    @property
    def pair(self) -> str:
        """Freqtrade's name of the contract, such as `BTC/USDT:USDT`."""
        return f"{self.base}/USDT:USDT"

    @property
    def file_stem(self) -> str:
        """How Freqtrade's data files of this pair begin."""
        return f"{self.base}_USDT_USDT"

    def price(self, ticks: float) -> float:
        """Return a number of ticks in USDT."""
        return ticks / 10.0**self.price_decimals

    def price_text(self, ticks: float) -> str:
        """Write a number of ticks as Binance writes prices: decimal text."""
        return f"{ticks / 10.0**self.price_decimals:.{self.price_decimals}f}"

    def quantity(self, lots: float) -> float:
        """Return a number of lots in the base currency."""
        return lots / 10.0**self.quantity_decimals

    def quantity_text(self, lots: float) -> str:
        """Write a number of lots as decimal text."""
        return f"{lots / 10.0**self.quantity_decimals:.{self.quantity_decimals}f}"


# base, price decimals, quantity decimals, smallest notional, largest quantity, the same at market
CONTRACTS = (
    Contract("BTC", 1, 3, 50, 1_000, 120),
    Contract("ETH", 2, 3, 20, 10_000, 2_000),
    Contract("SOL", 2, 2, 5, 1_000_000, 80_000),
    Contract("XRP", 4, 1, 5, 10_000_000, 2_000_000),
    Contract("DOGE", 5, 0, 5, 50_000_000, 30_000_000),
)
