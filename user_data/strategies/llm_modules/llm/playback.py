"""A tape played back: whoever asks what was asked before gets what came back then."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args

from llm_modules.config.llm import TapeMode
from llm_modules.dialogue import Expense, Inquiry, Reply, Usage
from llm_modules.errors import ConfigError, JournalError, ProviderError, ProviderFault
from llm_modules.llm.aftermath import Aftermath
from llm_modules.llm.attempts import Response
from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.kept import KeptByIdentity
from llm_modules.llm.meter import Meter
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.recorder import ABANDONED, Recorder, TapeForm
from llm_modules.llm.tape import Tape

_ABANDONED = ABANDONED.partition(" ")[0]
_Result = TypeVar("_Result")


class Playback:
    """Reads a tape from its beginning: the nth asking of a request gets the nth response.

    Asking is counted from the start of a run, for all carriers together. Failures that ended a run
    are passed over where the request was made again; where not, they are the last that is played,
    or with `resumes` are as good as missing. `failures` are the attempts that were given back as
    failures. Used on one thread.
    """

    def __init__(self, tape: Tape, *, resumes: bool = False) -> None:
        self.failures: set[str] = set()
        self._tape = tape
        self._resumes = resumes
        # By request: the last attempt on the tape that was played or passed over.
        self._played: dict[str, int] = {}
        # What was found, or not, when it was asked whether it is there.
        self._looked_up: tuple[str, int, Response | None] | None = None
        self._held: int | None = None

    def next(self, request_hash: str) -> Response | None:
        """Return what came back when a request was asked as often as now, None: it never was.

        Raises ProviderError("not_on_tape") when the tape cannot be read: to ask anew what may be
        on it would be paid twice.
        """
        nth, response = self._look(request_hash)
        if response is not None:
            self._pass(request_hash, nth)
        return response

    def holds(self, request_hash: str) -> bool:
        """Tell whether the next asking of a request is there. Raises ProviderError as `next`."""
        return self._look(request_hash)[1] is not None

    def called(self, body: Mapping[str, Any], form: TapeForm) -> str:
        """Return the hash by which the tape has a request, or would have it.

        What is missing then counts as missing until this is asked again. Raises ProviderError as
        `next`.
        """
        if self._looked_up is not None and self._looked_up[2] is None:
            self._looked_up = None
        # What is there as it is sent has no secret in it, for which it need not be searched.
        as_sent = form.name(body).request_hash
        return as_sent if self.holds(as_sent) else form.recorded_hash(body)

    def asks_anew(self, request_hash: str) -> None:
        """Take note that a request is made, and recorded, that was missing."""
        self._pass(request_hash, self._look(request_hash)[0])

    def missing(self, model: str) -> ProviderError:
        """Return the error that tells that a model's answer is not there, and what to do."""
        # Once: a run that has left its tape behind may miss thousands.
        if self._held is None:
            self._held = _read(self._tape.count)
        return ProviderError(
            "not_on_tape",
            f"the tape holds {self._held} requests, but not this one to {model!r}: replay with the "
            "settings, the data and the version that recorded it, or set llm_config.tape_mode to "
            '"replay_or_record"',
        )

    def close(self) -> None:
        """Let go of the tape."""
        self._tape.close()

    def _look(self, request_hash: str) -> tuple[int, Response | None]:
        if self._looked_up is not None and self._looked_up[0] == request_hash:
            return self._looked_up[1:]
        nth = self._played.get(request_hash, 0) + 1
        while (response := self._response(request_hash, nth)) is not None:
            if response.error is None or self._counts(request_hash, nth):
                break
            nth += 1
        self._looked_up = request_hash, nth, response
        return nth, response

    def _pass(self, request_hash: str, nth: int) -> None:
        self._played[request_hash], self._looked_up = nth, None

    def _response(self, request_hash: str, nth: int) -> Response | None:
        return _read(lambda: self._tape.response(request_hash, nth))

    def _counts(self, request_hash: str, nth: int) -> bool:
        fate = _read(lambda: self._tape.fate(request_hash, nth))
        return fate == "outlived" or (fate == "last" and not self._resumes)


class TapeCarrier:
    """Answers from a tape; what is not on it goes to `otherwise`, or is an error.

    Nothing is charged, no budget is asked, and the dialect sends nothing.
    """

    def __init__(
        self,
        target: Target,
        dialect: Dialect,
        playback: Playback,
        meter: Meter,
        otherwise: Carrier | None = None,
        form: TapeForm | None = None,
    ) -> None:
        self._provider = target.provider.name
        self._form = form or TapeForm(target)
        self._dialect = dialect
        self._playback = playback
        self._meter = meter
        self._otherwise = otherwise

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        """Return the reply that came then; its expense has the time and the tokens of then.

        Raises ProviderError as it was raised then, or "not_on_tape"; TimeoutError where the time
        was over before anything came back.
        """
        request_hash = self._playback.called(body, self._form)
        response = self._playback.next(request_hash)
        if response is not None:
            return self._replayed(response, body, inquiry)
        failure = self._last_failure(inquiry)
        if failure is not None and is_abandoned(failure):
            # Nobody asked on: it was the time of the whole question that was over.
            raise TimeoutError(failure)
        if self._otherwise is None or failure is not None:
            raise self._playback.missing(str(body.get("model", "")))
        self._playback.asks_anew(request_hash)
        return await self._otherwise.carry(body, inquiry)

    async def close(self) -> None:
        """Let go of the tape, and close what is asked otherwise."""
        self._playback.close()
        await (self._otherwise or self._dialect).close()

    def _last_failure(self, inquiry: Inquiry) -> str | None:
        """Return the failure on the tape after which asking was given up then, if it was.

        One more attempt might answer now, and everything that follows on the tape would be lost.
        """
        last = inquiry.expenses[-1] if inquiry.expenses else None
        is_taped = last is not None and last.tape_id in self._playback.failures
        return last.fault if last is not None and is_taped else None

    def _replayed(self, response: Response, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        usage, fault = Usage(), response.error
        if fault is not None:
            self._playback.failures.add(response.id)
        try:
            reply = reply_of(response, self._dialect)
        except ProviderError as error:
            # Read otherwise than then, by a later version.
            fault = self._form.error(error)
            raise
        else:
            usage = reply.usage
            return reply
        finally:
            expense = Expense(
                at=response.at,
                provider=self._provider,
                model=str(body.get("model", "")),
                seconds=response.latency_seconds,
                usage=usage,
                fault=fault,
                tape_id=response.id,
            )
            estimate = self._form.name(body).estimated_tokens
            inquiry.expenses.append(self._meter.priced(expense, estimate))


def _read(act: Callable[[], _Result]) -> _Result:
    try:
        return act()
    except JournalError as error:
        raise ProviderError("not_on_tape", str(error)) from None


def reply_of(response: Response, dialect: Dialect) -> Reply:
    """Read a recorded response as it was read when it came.

    Raises the ProviderError it was recorded with, or TimeoutError where nothing had come back.
    """
    if response.error is not None and is_abandoned(response.error):
        raise TimeoutError(response.error)
    if response.error is not None:
        raise recorded_error(response.error)
    return dialect.read(response.answer)


def is_abandoned(error: str) -> bool:
    """Tell whether a recorded error says that nobody waited for the answer."""
    return error.startswith(_ABANDONED)


def recorded_error(text: str) -> ProviderError:
    """Return the error that was recorded as `fault: words`; any other text is "bad_response".

    It asks for no pause before the next attempt, however long a server had asked for: what was
    waited for then need not be waited for again.
    """
    fault, _, words = text.partition(": ")
    if fault not in get_args(ProviderFault):
        fault, words = "bad_response", text
    return ProviderError(cast("ProviderFault", fault), words, retry_after_seconds=0.0)


class Carriers:
    """Makes the carrier of each model as `tape_mode` says; all of them share one tape.

    Raises ConfigError where a tape is to be played and there is none.
    """

    def __init__(self, mode: TapeMode, tape: Tape | None, meter: Meter) -> None:
        if tape is None and mode != "record":
            raise ConfigError(f"llm_config.tape_mode: found {mode!r}, which needs a tape")
        self._tape = tape
        self._meter = meter
        self._mode = mode
        self._forms = KeptByIdentity[TapeForm]()
        self._playback = None
        if tape is not None and mode != "record":
            self._playback = Playback(tape, resumes=mode == "replay_or_record")

    def carrier(self, target: Target, dialect: Dialect) -> Carrier:
        """Return what brings requests to a model, or answers them from the tape."""
        if self._playback is None:
            return self._live(target, dialect)
        otherwise = self._live(target, dialect) if self._mode == "replay_or_record" else None
        form = self._form(target)
        return TapeCarrier(target, dialect, self._playback, self._meter, otherwise, form)

    def recorded(self, target: Target) -> Callable[[Mapping[str, Any]], bool]:
        """Return what tells whether a request needs no server; with a tape alone none does."""
        playback, form = self._playback, self._form(target)
        if playback is None:
            return lambda _body: False
        if self._mode == "replay":
            return lambda _body: True
        return lambda body: playback.holds(playback.called(body, form))

    def aftermath(self) -> Aftermath | None:
        """Return what tells the tape of failures that were outlived; None where nobody is asked."""
        if self._tape is None or self._mode == "replay":
            return None
        played = self._playback.failures if self._playback is not None else frozenset[str]()
        return Aftermath(self._tape, played.__contains__)

    def _live(self, target: Target, dialect: Dialect) -> LiveCarrier:
        recorder = Recorder(self._tape, self._meter, target, self._form(target))
        return LiveCarrier(dialect, recorder, self._meter)

    def _form(self, target: Target) -> TapeForm:
        # Shared by all that handle one request: what one has found out the next need not.
        return self._forms.of((target,), lambda: TapeForm(target))
