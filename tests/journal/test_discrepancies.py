from typing import get_args

import pytest

from llm_modules.journal.discrepancies import (
    FAULTS,
    REMARKS,
    Discrepancy,
    Fault,
    Findings,
    Kind,
    Remark,
)


def some(kind: Kind, count: int) -> list[Discrepancy]:
    return [Discrepancy(kind, f"line {number}", "this", "that") for number in range(count)]


def test_every_kind_is_explained_once() -> None:
    assert set(FAULTS) == set(get_args(Fault))
    assert set(REMARKS) == set(get_args(Remark))
    assert not set(FAULTS) & set(REMARKS)


@pytest.mark.parametrize(("count", "kept"), [(2, 2), (3, 3), (4, 3)])
def test_all_are_counted_and_the_first_few_kept(count: int, kept: int) -> None:
    findings = Findings(most=3)
    findings.add(some("unfit", count))
    assert findings.counts == {"unfit": count}
    assert findings.first["unfit"] == some("unfit", count)[:kept]


def test_kinds_are_kept_apart_and_remarks_are_no_faults() -> None:
    findings = Findings()
    findings.add(some("unfit", 2))
    findings.add(some("not kept", 5))
    findings.add(some("differs", 1))
    assert findings.faults == 3
    assert len(findings.first["not kept"]) == 5


def test_nothing_found_is_no_fault() -> None:
    findings = Findings()
    findings.add([])
    assert (findings.faults, findings.counts) == (0, {})
