"""Whatever happens in whatever order: what was spent is not forgotten, and the limits hold."""

import tempfile
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from builders import NOON
from costs import LONGEST_ANSWER, MODEL, Clock, a_meter, an_expense, an_inquiry, enter
from llm_modules.dialogue import Usage
from llm_modules.errors import ProviderError
from llm_modules.llm.spending.periods import NOTHING, SPANS, Period, Spent
from llm_modules.llm.spending.spending import Spending

DAY, MONTH = 20_000, 50_000
PROMPT = 1000
FAULTS = st.sampled_from([None, "timeout: late", "rate_limited: 429", "rejected: 400"])
COUNTS = st.none() | st.integers(-5, 3 * LONGEST_ANSWER)


class Budgeted(RuleBasedStateMachine):
    """A bot with a budget of tokens, beside another process, with a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "llm_costs.sqlite"
        self.clock = Clock(NOON)
        self.meter = self.opened()
        self.under_way: list[AbstractContextManager[None]] = []
        # What there should be, counted by hand: all rows, and what went beyond its outlook.
        self.spent: dict[Period, Spent] = {}
        self.beyond: dict[Period, int] = {}
        self.seen: dict[Period, Spent] = {}

    def opened(self) -> Spending:
        return a_meter(self.path, self.clock, tokens_per_day=DAY, tokens_per_month=MONTH)

    def teardown(self) -> None:
        self.meter.close()
        self.folder.cleanup()

    def note(self, tokens: int, beyond: int) -> None:
        for span in SPANS:
            period = Period.around(span, self.clock())
            self.spent[period] = self.spent.get(period, NOTHING) + Spent(tokens, tokens / 1e6)
            self.beyond[period] = self.beyond.get(period, 0) + beyond

    @rule()
    def admit(self) -> None:
        with suppress(ProviderError):
            self.meter.admit()
            one = self.meter.reserving("compatible", MODEL, PROMPT)
            one.__enter__()
            self.under_way.append(one)

    @precondition(lambda self: self.under_way)
    @rule(prompt=COUNTS, completion=COUNTS, fault=FAULTS)
    def charge(self, prompt: int | None, completion: int | None, fault: str | None) -> None:
        expense = an_expense(
            at=self.clock(), model=MODEL, usage=Usage(prompt, completion), fault=fault
        )
        found = self.meter.charge(an_inquiry(), expense, PROMPT)
        tokens = (found.usage.prompt_tokens or 0) + (found.usage.completion_tokens or 0)
        assert tokens > 0
        self.under_way.pop().__exit__(None, None, None)
        self.note(tokens, max(0, tokens - PROMPT - LONGEST_ANSWER))

    @rule()
    def another_process(self) -> None:
        enter(self.path, at=self.clock(), cost=0.0011)
        # A test does not wait until it is looked for others.
        self.meter._tally.catch_up()
        self.note(1100, 1100)

    @rule(hours=st.integers(-30 * 24, 30 * 24))
    def clock_jumps(self, hours: int) -> None:
        # Those under way belong to the time they were sent at: all are over by then.
        while self.under_way:
            self.charge(PROMPT, 1, None)
        self.clock.jump(hours=hours)

    @rule()
    def restart(self) -> None:
        self.meter.close()
        self.under_way.clear()
        self.meter = self.opened()

    @invariant()
    def nothing_is_forgotten(self) -> None:
        with suppress(ProviderError):
            self.meter.admit()
        for span in SPANS:
            period = Period.around(span, self.clock())
            found = self.meter._tally.spent(period)
            assert found.tokens == self.spent.get(period, NOTHING).tokens
            assert found.tokens >= self.seen.get(period, NOTHING).tokens
            self.seen[period] = found

    @invariant()
    def limits_hold_but_for_what_nobody_could_know(self) -> None:
        for period, spent in self.spent.items():
            limit = DAY if period.end - period.start == timedelta(days=1) else MONTH
            assert spent.tokens <= limit + self.beyond[period]

    @invariant()
    def a_period_without_spending_is_open(self) -> None:
        periods = [Period.around(span, self.clock()) for span in SPANS]
        if not any(period in self.spent for period in periods):
            self.meter.admit()


def test_no_course_of_events_makes_a_budget_forget_or_overshoot() -> None:
    course = settings(max_examples=60, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(Budgeted, settings=course)
