"""What was found out about servers by asking them: kept in a file, laid over the table's rows."""

import glob
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.row import LimitField, ModelRule, Provider
from llm_modules.llm.providers.rows import GENERIC
from llm_modules.llm.recorder import provider_hash
from llm_modules.whole_files import put_in_place

FINDINGS_NAME = "llm_findings.json"
# Servers are updated: what they refused last season they may understand by now.
OLDEST = timedelta(days=90)
_REFUSABLE = ("forced_call", "parallel_switch", "strict_tools", "temperature")
_CAPABILITIES = (*_REFUSABLE, "several_calls")

logger = logging.getLogger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Finding(_Strict):
    """What one model at one server understood and how it answered, when it was asked.

    `server` is its hash on the tape. The capabilities are those of a `Provider`. `tools` tells what
    was wrong with the call of each, nothing where it was right; `several_problem` the same of the
    several calls at once. `cached_tokens` and `context_tokens` are None where the server does not
    tell; `completion_tokens` is the mean of a tool call. Times are of the requests it answered.
    """

    server: str
    model: str
    at: AwareDatetime
    forced_call: bool
    parallel_switch: bool
    strict_tools: bool
    several_calls: bool
    temperature: bool
    limit_field: LimitField
    answers_text: bool
    tools: dict[str, str]
    several_problem: str
    answered_as: str
    reports_usage: bool
    cached_tokens: int | None
    completion_tokens: float | None
    context_tokens: int | None
    p50_seconds: float = Field(ge=0)
    p95_seconds: float = Field(ge=0)
    requests: int = Field(ge=1)

    def rule(self, row: Provider) -> ModelRule:
        """Return what a row lacks to describe this model as it proved to be.

        Of a server nobody knows all is taken over. A preset was written from its provider's
        documents, and of it only what was refused: one answer proves a refusal, it does not prove
        that strictness is enforced, or that no second call can ever come.
        """
        found = {name: getattr(self, name) for name in _CAPABILITIES}
        if row.name != GENERIC.name:
            known = row.of(self.model)
            refused = (name for name in _REFUSABLE if getattr(known, name) and not found[name])
            found = dict.fromkeys(refused, False)
        pattern = glob.escape(self.model.lower())
        return ModelRule((pattern,), {**found, "limit_field": self.limit_field})


class _File(_Strict):
    version: Literal[1] = 1
    findings: tuple[Finding, ...] = ()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Findings:
    """The findings of a bot; a file that cannot be read is as good as none."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = _utc_now) -> None:
        self._path = path
        self._clock = clock
        self._has_warned = False

    def of(self, target: Target) -> Finding | None:
        """Return what was found out about a model at its server, None when nothing that counts."""
        server = provider_hash(target.api_base)
        for finding in self._fresh():
            if (finding.server, finding.model) == (server, target.model):
                return finding
        return None

    def applied(self, target: Target) -> Target:
        """Return a target whose row says what was found out about the models of its server."""
        server, row = provider_hash(target.api_base), target.provider
        found = tuple(one.rule(row) for one in self._fresh() if one.server == server)
        # Of two rules the later wins.
        return replace(target, provider=replace(row, rules=(*row.rules, *found)))

    def keep(self, finding: Finding) -> None:
        """Store a finding in place of an earlier one of the same model. Raises OSError."""
        about = (finding.server, finding.model)
        others = (one for one in self._fresh() if (one.server, one.model) != about)
        text = _File(findings=(*others, finding)).model_dump_json(indent=2)
        # A bot that starts now never sees half of it.
        put_in_place(self._path, f"{text}\n")

    def _fresh(self) -> tuple[Finding, ...]:
        """Return what is young enough; what comes from the future is of a wrong clock."""
        now = self._clock()
        return tuple(one for one in self._stored() if timedelta(0) <= now - one.at <= OLDEST)

    def _stored(self) -> tuple[Finding, ...]:
        try:
            return _File.model_validate_json(self._path.read_bytes()).findings
        except FileNotFoundError:
            return ()
        except OSError as error:
            reason = str(error.strerror)
        except ValidationError:
            reason = "it is damaged, or of another version"
        if not self._has_warned:
            logger.warning("%s is not used (%s): ./manage.sh doctor makes it", self._path, reason)
        self._has_warned = True
        return ()
