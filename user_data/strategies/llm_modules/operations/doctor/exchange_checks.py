"""The part of `doctor` that looks at the exchange: is it there, has it our pairs, may the key."""

from collections.abc import Iterator, Mapping

from llm_modules.config import TraderConfig
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, Health
from llm_modules.operations.doctor.exchange_answer import (
    AccountModes,
    ExchangeAnswer,
    ExchangeQuestion,
    Fault,
    Trouble,
    question_of,
)
from llm_modules.operations.doctor.key_demands import key_is_fit
from llm_modules.operations.settings.reading import USUAL_TIMEFRAME, value_at
from llm_modules.operations.viewing.render import printable

# Binance refuses what comes from 1 s ahead of its clock, and what is 5 s old.
MOST_AHEAD_SECONDS = 1.0
MOST_BEHIND_SECONDS = 5.0
NOTICED_SECONDS = 0.5
ADVICE: Mapping[Trouble, str] = {
    "unknown": "Is exchange.name spelled as ccxt spells it, such as binance?",
    "unreachable": "Is this machine online, and the exchange not blocked here? A proxy belongs "
    "into exchange.ccxt_config",
    "busy": "Wait some minutes: further questions lengthen a ban",
    "clock": "Set this machine's clock: timedatectl set-ntp true",
    "refused": "Is the key right, not expired, valid for this machine's address, and allowed "
    "reading and futures?",
    "unsupported": "Look at it on the exchange's own page",
    "unreadable": "Try again; if it stays so, the exchange has changed or the address is wrong",
}


def exchange_is_fit(case: Case) -> Iterator[Diagnosis]:
    """Ask the exchange for its time, its pairs and, with a key, what the key is allowed."""
    if case.problems:
        return
    if case.config is None:
        yield Diagnosis("ok", "exchange", "sandbox", "simulated, and does not run now")
        return
    question = question_of(case.settings)
    name = printable(question.name)
    about = f"simulated exchange, as {name}" if case.is_sandbox else f"exchange {name}"
    if not case.options.calls:
        yield Diagnosis("ok", about, "answer", "not asked: --no-calls")
        return
    if not case.options.json:
        case.session.screen.progress(f"Asking {about} ")
    answer = case.ask_exchange(question)
    fault = _hopeless(answer)
    if fault is not None:
        yield _failed(about, "answer", fault)
        return
    yield from _clock(about, answer)
    yield from _market(about, answer, case, case.config)
    yield from _account(about, question, answer, is_live=case.is_live)


def _hopeless(answer: ExchangeAnswer) -> Fault | None:
    """Return why nothing could be had at all, None when something could."""
    if "open" in answer.faults:
        return answer.faults["open"]
    # What only the account's questions meet is told beside them.
    public = (answer.faults.get("time"), answer.faults.get("markets"))
    return next((one for one in public if one and one.trouble == "unreachable"), None)


def _failed(about: str, subject: str, fault: Fault, health: Health = "fail") -> Diagnosis:
    words = f": {printable(fault.words)}" if fault.words else ""
    return Diagnosis(health, about, subject, f"{fault.trouble}{words}", ADVICE[fault.trouble])


def _clock(about: str, answer: ExchangeAnswer) -> Iterator[Diagnosis]:
    if "time" in answer.faults:
        yield _failed(about, "clock", answer.faults["time"])
        return
    if answer.ahead_seconds is None or answer.answer_seconds is None:
        yield Diagnosis("ok", about, "clock", "the exchange does not tell its time")
        return
    yield Diagnosis("ok", about, "answer", f"in {answer.answer_seconds:.2f} s")
    ahead = answer.ahead_seconds
    # What the way there and back may hide is not held against the clock.
    sure = max(0.0, abs(ahead) - answer.answer_seconds / 2)
    most = MOST_AHEAD_SECONDS if ahead > 0 else MOST_BEHIND_SECONDS
    sentence = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the exchange's"
    if sure <= NOTICED_SECONDS:
        yield Diagnosis("ok", about, "clock", "as the exchange's")
    else:
        health: Health = "warn" if sure <= most else "fail"
        yield Diagnosis(health, about, "clock", sentence, ADVICE["clock"])


def _market(
    about: str, answer: ExchangeAnswer, case: Case, config: TraderConfig
) -> Iterator[Diagnosis]:
    if "markets" in answer.faults:
        yield _failed(about, "pairs", answer.faults["markets"])
        return
    wrong = {pair: state for pair, state in answer.pairs.items() if state != "active"}
    for pair, state in wrong.items():
        sentence = "not listed there" if state == "absent" else "listed, but not traded now"
        advice = "Take it out of exchange.pair_whitelist, or correct its name"
        yield Diagnosis("fail", about, printable(pair), sentence, advice)
    if not wrong:
        yield Diagnosis("ok", about, "pairs", f"all {len(answer.pairs)} are listed and traded")
    timeframe = str(value_at(case.settings, "timeframe") or USUAL_TIMEFRAME)
    wanted = (timeframe, *config.context_config.informative_timeframes)
    missing = [one for one in wanted if one not in answer.timeframes]
    if missing:
        sentence = f"without {', '.join(missing)}; it has {', '.join(answer.timeframes)}"
        advice = "Change timeframe or context_config.informative_timeframes"
        yield Diagnosis("fail", about, "timeframes", sentence, advice)
    else:
        yield Diagnosis("ok", about, "timeframes", ", ".join(wanted))


def _account(
    about: str, question: ExchangeQuestion, answer: ExchangeAnswer, *, is_live: bool
) -> Iterator[Diagnosis]:
    # A dry run never sends the key, so that no fault of it can stop one.
    serious: Health = "fail" if is_live else "warn"
    if not question.has_key:
        yield Diagnosis("ok", about, "key", "none; without real orders none is needed")
        return
    if "balance" in answer.faults:
        yield _failed(about, "key", answer.faults["balance"], serious)
    elif answer.balance is not None:
        words = f"the account can be read: {answer.balance.total:,.2f} {question.currency}"
        yield Diagnosis("ok", about, "key", words)
    if answer.rights is not None:
        yield from key_is_fit(about, answer.rights, serious)
    elif "rights" in answer.faults:
        yield _failed(about, "rights of the key", answer.faults["rights"], "warn")
    if answer.modes is not None:
        yield from _modes(about, answer.modes, serious)
    elif "modes" in answer.faults:
        yield _failed(about, "account modes", answer.faults["modes"], "warn")


def _modes(about: str, modes: AccountModes, serious: Health) -> Iterator[Diagnosis]:
    wrong = [
        *(["hedge mode"] if modes.hedges else []),
        *(["multi-assets mode"] if modes.pools_assets else []),
    ]
    yield _row(
        about,
        "account modes",
        serious if wrong else "ok",
        f"{' and '.join(wrong)} on: Freqtrade cannot trade so" if wrong else "one-way, one asset",
        "Switch it off in the futures settings of the exchange",
    )


def _row(about: str, subject: str, health: Health, sentence: str, advice: str) -> Diagnosis:
    """Return a diagnosis that carries advice only where something is to be done."""
    return Diagnosis(health, about, subject, sentence, "" if health == "ok" else advice)
