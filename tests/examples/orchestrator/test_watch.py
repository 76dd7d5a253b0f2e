"""What counts as a change of a link, and what does not."""

from __future__ import annotations

from collections.abc import Iterable

from examples.orchestrator.readings import Reading
from examples.orchestrator.watch import Sensitivity, Watch

LINK = ("phone", "edge")


def found(rates: Iterable[float], watch: Watch | None = None) -> list[tuple[float, float]]:
    """Moments and rates of changes, with a reading a second of a link that carried 100."""
    watch = watch or Watch({LINK: 100.0}, Sensitivity(leave=0.25, back=0.10, hold_s=5.0))
    changes = []
    for second, rate in enumerate(rates):
        changed = watch.changed(Reading(float(second), {LINK: rate}))
        changes += [(float(second), changed[LINK])] if changed else []
    return changes


def test_noise_within_the_band_is_no_change() -> None:
    assert found([100, 115, 85, 120, 82] * 10) == []


def test_a_drop_that_lasts_is_a_change_by_its_median() -> None:
    assert found([100, 50, 52, 48, 50, 10, 50, 50]) == [(6.0, 50)]


def test_a_dip_that_does_not_last_is_none() -> None:
    assert found([100, 20, 20, 20, 100, 20, 20, 20, 20, 100] * 3) == []


def test_a_rate_at_the_edge_of_the_band_does_not_flutter() -> None:
    edge = [78, 82]  # beyond a factor of 1.25, and not; never back within 1.1
    assert found(edge * 10) == [(5.0, 80)]


def test_after_a_change_the_band_is_around_the_new_rate() -> None:
    assert found([50] * 6 + [55, 45] * 10 + [100] * 6) == [(5.0, 50), (31.0, 100)]


def test_a_rise_counts_like_a_drop() -> None:
    assert found([130] * 6) == [(5.0, 130)]


def test_a_link_that_is_new_is_known_from_then_on() -> None:
    watch = Watch({}, Sensitivity())
    assert found([30] * 10, watch) == []
    assert watch.rates == {LINK: 30}
