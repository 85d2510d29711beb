"""The way to real money from end to end, against an exchange and a model of this machine."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

import fake_binance
from builders import NOON
from fake_binance import KEY, REFUSED, SECRET, FakeBinance
from llm_modules.cli.commands import main
from llm_modules.config import parse_config
from llm_modules.errors import ConfigError, JournalError, UserError
from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, write_clearance
from llm_modules.gate.consent import CONSENT_NAME, Consent
from llm_modules.gate.halt import HALT_NAME
from llm_modules.llm.providers.findings import Findings
from llm_modules.llm.recorder import provider_hash
from llm_modules.operations.doctor.diagnosis import no_purse
from llm_modules.operations.doctor.exchange_program import answer_of
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.live.going_live import (
    LiveWishes,
    Means,
    go_live,
    run_selftest,
    withdraw,
)
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan, Wishes, make_plan
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import read_settings
from picky_server import PickyServer, running
from probes import a_finding

AT_RISK = "412.50 USDT"
TYPED = LiveWishes()
STATED = LiveWishes(amount="412.50")


class Terminal(io.StringIO):
    """Somebody at a keyboard; nothing typed is Ctrl-D."""

    def isatty(self) -> bool:
        return True


@dataclass
class Bot:
    """A bot that is ready for real money but for its consent, and somebody in front of it."""

    session: Session
    exchange: FakeBinance
    model: PickyServer
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    started: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def places(self) -> Places:
        return self.session.places

    @property
    def consent(self) -> Consent | None:
        path = self.places.user_data / CONSENT_NAME
        return Consent.model_validate_json(path.read_bytes()) if path.exists() else None

    def with_settings(self, **changes: object) -> None:
        path = self.places.settings
        path.write_text(json.dumps(read_settings(path) | changes))

    def passes_selftest(self, session: Session) -> None:
        self.tested.append(str(session.places.user_data))
        risk = parse_config(read_settings(self.places.settings)).risk_management
        path = self.places.user_data / CLEARANCE_NAME
        write_clearance(path, clearance_fingerprint(risk), NOON)

    def means(self, selftest: Callable[[Session], None] | None = None) -> Means:
        def start() -> ExitStatus:
            self.started.append(make_plan(self.places, self.session.environment, FREE).mode)
            return ExitStatus.DONE

        return Means(no_purse, answer_of, selftest or self.passes_selftest, start, lambda: NOON)

    def goes_live(self, wishes: LiveWishes = STATED, typed: str | None = None) -> ExitStatus:
        keyboard = io.StringIO() if typed is None else Terminal(typed)
        self.monkeypatch.setattr(sys, "stdin", keyboard)
        status = go_live(self.session, wishes, self.means())
        self.listen()
        return status

    def listen(self) -> None:
        heard = self.capsys.readouterr()
        self.said = heard.out + heard.err
        for secret in (KEY, SECRET, "signature"):
            assert secret not in self.said


FREE = Wishes(keeps_ports=True)


@pytest.fixture
def bot(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bot]:
    with fake_binance.running(FakeBinance()) as exchange, running(PickyServer()) as model:
        account = {"FREQTRADE__EXCHANGE__KEY": KEY, "FREQTRADE__EXCHANGE__SECRET": SECRET}
        api = {
            "FREQTRADE__API_SERVER__PASSWORD": f"k{'0a' * 32}",
            "FREQTRADE__API_SERVER__JWT_SECRET_KEY": f"k{'1b' * 32}",
            "FREQTRADE__API_SERVER__WS_TOKEN": f"k{'2c' * 32}",
        }
        environment = {**session.environment, **account, **api, "PATH": os.environ["PATH"]}
        one = Bot(replace(session, environment=environment), exchange, model, capsys, monkeypatch)
        own = read_settings(one.places.settings)
        one.with_settings(
            dry_run=False,
            llm_config=own["llm_config"] | {"model": "test-model", "api_base": model.url},
            exchange=own["exchange"] | {"ccxt_config": exchange.addresses},
        )
        # Asked a while ago: what a model is asked is another scene.
        asked = a_finding(server=provider_hash(model.url), at=datetime.now(UTC))
        Findings(one.places.findings).keep(asked)
        yield one


# --- consent ------------------------------------------------------------------------------------


def test_who_types_the_amount_at_risk_trades_real_money(bot: Bot) -> None:
    assert bot.goes_live(TYPED, f"{AT_RISK}\n") is ExitStatus.DONE
    assert bot.started == ["live"]
    assert bot.consent is not None
    assert (str(bot.consent.amount), bot.consent.currency) == ("412.50", "USDT")
    assert bot.consent.at == NOON
    assert f"type the amount at risk, {AT_RISK}: " in bot.said
    for amount in ("434.21 USDT", "412.50 USDT", "86.84 USDT", "21.71 USDT", "65.13 USDT"):
        assert amount in bot.said


@pytest.mark.parametrize("typed", ["", "yes\n", "412.51\n", "412.50 BTC\n"])
def test_whatever_else_is_typed_starts_nothing(bot: Bot, typed: str) -> None:
    assert bot.goes_live(TYPED, typed) is ExitStatus.FAILED
    assert bot.consent is None
    assert bot.started == []
    assert bot.said.rstrip().endswith("Nothing was started.")


def test_ctrl_c_at_the_question_starts_nothing(bot: Bot) -> None:
    class Interrupted(Terminal):
        def readline(self, _size: int | None = -1, /) -> str:
            raise KeyboardInterrupt

    bot.monkeypatch.setattr(sys, "stdin", Interrupted())
    assert go_live(bot.session, TYPED, bot.means()) is ExitStatus.FAILED
    assert bot.consent is None


def test_without_a_terminal_the_amount_has_to_be_stated(bot: Bot) -> None:
    with pytest.raises(UserError, match="--amount"):
        bot.goes_live(TYPED)
    assert bot.consent is None
    assert bot.goes_live(STATED) is ExitStatus.DONE
    assert bot.started == ["live"]


@pytest.mark.parametrize("amount", ["412.49", "1000", "", "all"])
def test_an_amount_that_was_stated_has_to_be_the_one(bot: Bot, amount: str) -> None:
    assert bot.goes_live(LiveWishes(amount=amount)) is ExitStatus.FAILED
    assert f"--amount says {amount!r}, but {AT_RISK} are at risk" in bot.said
    assert bot.consent is None


def test_a_consent_can_be_given_without_starting(bot: Bot) -> None:
    assert bot.goes_live(replace(STATED, starts=False)) is ExitStatus.DONE
    assert bot.started == []
    assert make_plan(bot.places, bot.session.environment, FREE).mode == "live"


def test_a_restart_of_the_same_bot_does_not_ask_again_and_another_does(bot: Bot) -> None:
    with pytest.raises(ConfigError, match="has not passed"):
        make_plan(bot.places, bot.session.environment, FREE)
    bot.passes_selftest(bot.session)
    with pytest.raises(ConfigError, match=r"nobody has consented .* \./manage\.sh live"):
        make_plan(bot.places, bot.session.environment, FREE)
    bot.goes_live()
    for _ in range(2):
        assert make_plan(bot.places, bot.session.environment, FREE).mode == "live"
    other = {**bot.session.environment, "FREQTRADE__LLM_CONFIG__MODEL": "other"}
    with pytest.raises(ConfigError, match=r"412\.50 USDT .* the model changed; once more"):
        make_plan(bot.places, other, FREE)


def test_what_comes_of_the_start_is_what_comes_of_it(bot: Bot) -> None:
    means = replace(bot.means(), start=lambda: ExitStatus.NOT_RUNNING)
    assert go_live(bot.session, STATED, means) is ExitStatus.NOT_RUNNING


# --- refusals -----------------------------------------------------------------------------------


def test_what_needs_no_look_is_told_before_anything_is_run_or_asked(bot: Bot) -> None:
    bot.with_settings(dry_run=True, stoploss=0)
    (bot.places.user_data / HALT_NAME).touch()
    assert bot.goes_live(TYPED, f"{AT_RISK}\n") is ExitStatus.FAILED
    assert "No real money yet, for 3 reasons:" in bot.said
    for words in ("dry_run is not false", "stoploss is 0", "./manage.sh resume"):
        assert words in bot.said
    assert bot.said.endswith("Selftest and doctor come when these are mended.\n")
    assert (bot.tested, bot.exchange.paths, bot.consent) == ([], [], None)


def test_every_reason_a_look_brings_is_listed_and_nothing_asked(bot: Bot) -> None:
    bot.exchange.rights["enableWithdrawals"] = True
    bot.exchange.refusals = {"time": (503, {"msg": "down"})}
    assert bot.goes_live(TYPED, f"{AT_RISK}\n") is ExitStatus.FAILED
    for words in ("answer: unreachable: down", "balance could not be read"):
        assert words in bot.said
    assert "type the amount" not in bot.said
    assert bot.consent is None


def test_an_amount_that_is_nothing_as_it_is_shown_cannot_be_consented_to(bot: Bot) -> None:
    bot.with_settings(available_capital=0.001)
    assert bot.goes_live(LiveWishes(amount="0")) is ExitStatus.FAILED
    assert "0.00 USDT are at risk: there is nothing to consent to." in bot.said
    assert bot.consent is None


def test_an_exchange_that_is_offline_is_a_reason_and_no_traceback(bot: Bot) -> None:
    bot.exchange.refusals = {"time": (503, {"msg": "down"})}
    assert bot.goes_live() is ExitStatus.FAILED
    assert "doctor: exchange binance, answer: unreachable: down" in bot.said
    assert "balance could not be read" in bot.said
    assert "Traceback" not in bot.said


def test_rights_that_cannot_be_read_need_a_word(bot: Bot) -> None:
    bot.exchange.refusals = {"apiRestrictions": (401, REFUSED)}
    assert bot.goes_live() is ExitStatus.FAILED
    assert "for 1 reason:" in bot.said
    assert bot.goes_live(replace(STATED, rights_checked=True)) is ExitStatus.DONE


def test_the_exchange_is_asked_once(bot: Bot) -> None:
    bot.goes_live()
    assert bot.exchange.paths.count("/fapi/v3/account") == 1


def test_a_sandbox_is_refused_and_no_exchange_asked(bot: Bot) -> None:
    own = read_settings(bot.places.settings)
    bot.with_settings(llm_config=own["llm_config"] | {"model": "", "api_base": ""})
    assert bot.goes_live() is ExitStatus.FAILED
    assert "no model is named in llm_config" in bot.said
    assert bot.exchange.paths == []


def test_unusable_settings_are_told_with_their_lines(bot: Bot) -> None:
    bot.with_settings(timeframe="7m")
    assert bot.goes_live() is ExitStatus.UNUSABLE
    assert "config.json:1" in bot.said
    assert "The settings cannot be used" in bot.said
    assert bot.tested == []


def test_a_bot_that_runs_is_left_alone(bot: Bot) -> None:
    with bot_lock(bot.places):
        assert bot.goes_live() is ExitStatus.FAILED
        assert "A bot runs already: ./manage.sh stop" in bot.said
        write_record(bot.places, Plan("dry_run", 8086, ()), datetime.now(UTC), ())
        assert bot.goes_live() is ExitStatus.FAILED
    assert "A bot runs already in mode dry_run: ./manage.sh stop ends it." in bot.said
    assert bot.exchange.paths == []


# --- selftest and doctor ------------------------------------------------------------------------


def test_the_selftest_runs_only_where_it_is_missing(bot: Bot) -> None:
    bot.goes_live()
    assert "it runs now" in bot.said
    bot.goes_live()
    assert "it runs now" not in bot.said
    assert len(bot.tested) == 1


def test_a_selftest_that_does_not_pass_is_a_reason(bot: Bot) -> None:
    means = bot.means(selftest=lambda _: None)
    assert go_live(bot.session, STATED, means) is ExitStatus.FAILED
    bot.listen()
    assert "the selftest has not passed yet" in bot.said
    assert "for 1 reason:" in bot.said


def interrupted(_session: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_in_the_selftest_ends_all_of_it(bot: Bot) -> None:
    assert go_live(bot.session, STATED, bot.means(selftest=interrupted)) is ExitStatus.FAILED
    bot.listen()
    assert "Interrupted: nothing was started" in bot.said
    assert bot.exchange.paths == []


def test_ctrl_c_in_doctor_ends_all_of_it(bot: Bot) -> None:
    means = replace(bot.means(), ask_exchange=interrupted)  # type: ignore[arg-type]
    assert go_live(bot.session, STATED, means) is ExitStatus.FAILED
    bot.listen()
    assert "Interrupted: nothing was started" in bot.said
    assert bot.consent is None


def test_the_selftest_is_a_program_of_its_own(
    session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    session.places.settings.write_text("{")
    run_selftest(session)
    assert "line 1, column 2" in capfd.readouterr().err
    assert not (session.places.user_data / CLEARANCE_NAME).exists()


# --- taking it back -----------------------------------------------------------------------------


def test_a_consent_that_is_withdrawn_is_gone(bot: Bot) -> None:
    bot.goes_live()
    assert withdraw(bot.session) is ExitStatus.DONE
    assert bot.consent is None
    with pytest.raises(ConfigError, match="nobody has consented"):
        make_plan(bot.places, bot.session.environment, FREE)
    assert withdraw(bot.session) is ExitStatus.DONE
    bot.listen()
    assert bot.said.rstrip().endswith("Nobody has consented to real money.")


@pytest.mark.parametrize(("mode", "told"), [("live", True), ("dry_run", False)])
def test_a_live_bot_trades_on_until_it_is_stopped(bot: Bot, mode: str, told: bool) -> None:
    (bot.places.user_data / CONSENT_NAME).touch()
    with bot_lock(bot.places):
        write_record(bot.places, Plan(mode, 8086, ()), datetime.now(UTC), ())  # type: ignore[arg-type]
        withdraw(bot.session)
    bot.listen()
    assert ("The bot that runs trades on" in bot.said) is told


# --- the command --------------------------------------------------------------------------------


def test_the_command_asks_through_ccxt_and_refuses_without_a_terminal(bot: Bot) -> None:
    bot.passes_selftest(bot.session)
    bot.monkeypatch.setattr(sys, "stdin", io.StringIO())
    arguments = ["live", "--user-data", str(bot.places.user_data)]
    assert main(arguments, bot.session.environment) == ExitStatus.UNUSABLE
    bot.listen()
    assert f"{AT_RISK}" in bot.said
    assert "nobody to ask" in bot.said
    assert main([*arguments, "--withdraw"], bot.session.environment) == ExitStatus.DONE


def test_the_command_starts_as_start_does(bot: Bot) -> None:
    bot.passes_selftest(bot.session)
    # The port of the API is taken: that is how far `start` comes, and what it says of it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llm_modules.operations.running.plan.is_free", lambda _port: False)
        arguments = ["live", "--amount", "412.50", "--user-data", str(bot.places.user_data)]
        assert main(arguments, bot.session.environment) == ExitStatus.UNUSABLE
    bot.listen()
    assert bot.consent is not None
    assert "port 8086 is taken by another program" in bot.said


@pytest.mark.parametrize("command", ["check", "run", "start"])
def test_no_other_command_leads_to_real_money(bot: Bot, command: str) -> None:
    bot.passes_selftest(bot.session)
    arguments = [command, "--user-data", str(bot.places.user_data)]
    assert main(arguments, bot.session.environment) == ExitStatus.UNUSABLE
    bot.listen()
    assert "nobody has consented to real money: run ./manage.sh live" in bot.said
    assert not (bot.places.run / "bot.json").exists()


def test_no_command_leads_there_for_a_bot_that_changed(bot: Bot) -> None:
    bot.goes_live(replace(STATED, starts=False))
    own = read_settings(bot.places.settings)
    bot.with_settings(exchange=own["exchange"] | {"pair_whitelist": ["BTC/USDT:USDT"]})
    arguments = ["check", "--user-data", str(bot.places.user_data)]
    assert main(arguments, bot.session.environment) == ExitStatus.UNUSABLE
    bot.listen()
    assert "consented to 412.50 USDT" in bot.said
    assert "the pairs changed; once more: run ./manage.sh live" in bot.said


def test_a_full_disk_is_an_error_and_no_consent(bot: Bot) -> None:
    # A folder of that name: nothing can be put in its place, as on a disk that is full.
    (bot.places.user_data / f".{CONSENT_NAME}.new").mkdir()
    with pytest.raises(JournalError, match="cannot write"):
        bot.goes_live()
    assert bot.consent is None
    assert bot.started == []


@pytest.mark.parametrize("option", [["--yes"], ["--no-start", "--withdraw"], ["--sandbox"]])
def test_there_is_no_way_around_typing(bot: Bot, option: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["live", *option], bot.session.environment)
    assert refused.value.code == ExitStatus.UNUSABLE


# --- doctor before it ---------------------------------------------------------------------------


def test_doctor_looks_at_the_same_bot_and_changes_nothing_of_it(bot: Bot) -> None:
    before = bot.places.settings.read_bytes()
    bot.exchange.refusals = {"account": (401, REFUSED)}
    arguments = ["doctor", "--json", "--user-data", str(bot.places.user_data)]
    assert main(arguments, bot.session.environment) == ExitStatus.FAILED
    bot.listen()
    whole = json.loads(bot.said)
    failed = {one["subject"]: one for one in whole["checks"] if one["health"] == "fail"}
    assert set(failed) == {"selftest", "key"}
    assert failed["key"]["sentence"].startswith("refused: Invalid API-key, IP, or permissions")
    assert bot.places.settings.read_bytes() == before
    assert bot.consent is None
