"""Counted work stays below its committed ceilings; the comparison itself is tested by numbers made up by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import guard
from benchmarks.guard import GUARDED, ceilings, ceilings_of, complaint, excesses, name_of, solve
from benchmarks.measuring import Measurement

FAMILY, INSTANCE = "latency", "16x4"


def run(status: str = "optimal", **sizes: int) -> Measurement:
    return Measurement(FAMILY, INSTANCE, 0, "auto", status=status, sizes=tuple(sizes.items()))


@pytest.mark.parametrize(("family", "size"), GUARDED, ids=[name_of(*each) for each in GUARDED])
def test_the_search_does_no_more_counted_work_than_committed(family: str, size: str) -> None:
    assert complaint(solve(family, size), ceilings()[name_of(family, size)]) is None


def test_every_guarded_instance_has_ceilings_and_nothing_else_has() -> None:
    assert set(ceilings()) == {name_of(*instance) for instance in GUARDED}


def test_a_ceiling_is_a_quarter_above_the_count_and_never_less_than_two_above() -> None:
    assert ceilings_of({"labels": 1000, "boxes": 1, "odd": 9}) == {"boxes": 3, "labels": 1250, "odd": 12}


def test_a_count_at_its_ceiling_passes_and_one_above_does_not() -> None:
    assert excesses({"labels": 125}, {"labels": 125}) == []
    assert excesses({"labels": 126, "boxes": 1}, {"labels": 125, "boxes": 3}) == [
        "labels: 126 counted, at most 125 allowed"
    ]


def test_counters_that_come_or_go_are_no_excess() -> None:
    assert complaint(run(labels=5, sweeps=10**9), {"labels": 5, "boxes": 1}) is None


def test_the_complaint_says_what_grew_and_how_to_renew() -> None:
    said = complaint(run(labels=6), {"labels": 5})
    assert said is not None
    assert said.startswith("latency 16x4: labels: 6 counted, at most 5 allowed")
    assert "python -m benchmarks --renew-guard" in said


def test_a_run_without_proof_or_without_any_guarded_counter_does_not_pass() -> None:
    unproven, renamed = complaint(run("feasible", labels=1), {"labels": 5}), complaint(run(tags=1), {"labels": 5})
    assert unproven is not None
    assert "not proven" in unproven
    assert renamed is not None
    assert "no counter has a ceiling" in renamed


def test_renewing_writes_what_is_counted_and_says_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "counted.json"
    file.write_text(json.dumps({"latency 16x4": {"labels": 100}}))
    monkeypatch.setattr(guard, "FILE", file)
    monkeypatch.setattr(guard, "GUARDED", ((FAMILY, INSTANCE),))
    monkeypatch.setattr(guard, "solve", lambda _family, _size: run(labels=200))
    assert guard.renew() == "latency 16x4: labels 100 -> 250\n"
    assert guard.renew() == "latency 16x4: as before\n"
    assert ceilings() == {"latency 16x4": {"labels": 250}}


def test_ceilings_are_not_renewed_from_a_run_without_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "FILE", tmp_path / "none.json")
    monkeypatch.setattr(guard, "solve", lambda _family, _size: run("feasible", labels=1))
    with pytest.raises(SystemExit, match="not proven"):
        guard.renew()
    assert not (tmp_path / "none.json").exists()
