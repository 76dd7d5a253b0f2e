"""What a fleet measures: layers in the order of the schedule, links whatever else the machine does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.measuring.fit import NoSlope
from examples.split_runtime.fleet import MOST_SERIES, PAYLOAD_BYTES, Fleet, Ground
from examples.split_runtime.layer_times import time_layers
from examples.split_runtime.protocol import LayerQuestion
from examples.split_runtime.throttle import Throttle
from tests.examples.split_runtime.jobs import LLAMA


@pytest.mark.parametrize(
    ("in_flight", "order"),
    [(1, "FBFBFBFB"), (2, "FFBFBFBB"), (4, "FFFFBBBB")],
    ids=["sequential", "1f1b", "gpipe"],
)
def test_passes_are_timed_in_the_order_of_the_schedule(in_flight: int, order: str) -> None:
    throttle = Throttle()
    question = LayerQuestion(
        LLAMA, "float32", 0, 4, batch=1, length=4, decode_tokens=0, micro_batches=4, in_flight=in_flight, budget_s=0.0
    )
    samples = time_layers(question, throttle)
    ran = [one.activity for one in throttle.passes if one.activity in {"forward", "backward"}]
    assert "".join(activity[0].upper() for activity in ran) == order
    # Three runs, the first of which does not count.
    assert {name: [len(layer) for layer in layers] for name, layers in samples.items()} == {
        "forward": [8] * 6,
        "backward": [8] * 6,
        "update": [2] * 6,
    }


def _fleet(monkeypatch: pytest.MonkeyPatch, disturbed_series: int) -> tuple[Fleet, list[int]]:
    """Its link takes 1 ms + 1 us per 1,000 bytes; in the first series that count, small messages are late by 10 s."""
    asked: list[int] = []

    def time_transfers(
        _source: str, _target: str, sizes: Sequence[int], repeats: int, _timeout_s: float
    ) -> list[float]:
        line = [1e-3 + size * 1e-9 for size in sizes]
        if tuple(sizes) != PAYLOAD_BYTES:
            return line * repeats
        asked.append(repeats)
        late = [seconds + (10.0 if size < 1e5 else 0.0) for size, seconds in zip(sizes, line, strict=True)]
        return (late if len(asked) <= disturbed_series else line) * repeats

    fleet = Fleet(("a", "b"), Ground.LOOPBACK)
    monkeypatch.setattr(fleet, "time_transfers", time_transfers)
    return fleet, asked


def test_a_link_is_timed_again_until_its_rate_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, asked = _fleet(monkeypatch, disturbed_series=1)
    fit = fleet.measure_links([("a", "b")], repeats=2)["a", "b"]
    # Medians of two late messages and two that are not still hide it; those of two and four do not.
    assert asked == [3, 2, 2]
    assert fit.bandwidth_bits_per_s == pytest.approx(8e9)
    assert fit.latency_s == pytest.approx(1e-3)


def test_a_machine_that_never_comes_to_rest_is_said_to_show_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, asked = _fleet(monkeypatch, disturbed_series=99)
    with pytest.raises(NoSlope):
        fleet.measure_links([("a", "b")])
    assert len(asked) == MOST_SERIES
