"""Which loads add up over a plan, who has to remember them, and what they add to the peaks of a stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from placement.backends.base import LatencyModel, Task
from placement.boxes import shape_of
from placement.loads import NOBODY, Peak, adding_loads, loads_by_peak, owners
from placement.problem import Problem
from tests.placement.examples_for_tests import inference, layer, link, node, problem_of, task_of, training

NEVER = "never"
DEAF = {"overlaps_communication": False}


def owned(problem: Problem, *, merge: bool = False) -> dict[str, str]:
    """Per resource that is loaded forwards: the node that owns it, "nobody", or "never" where loads never add up."""
    graph = task_of(problem, merge=merge).graph
    entries = graph.busy_forward
    names = [*problem.node_ids, *(channel.id for channel in problem.network.channels)]
    owner = owners(graph, entries.column, entries.row)
    said = {}
    for row, node_number in zip(entries.row.tolist(), owner.tolist(), strict=True):
        is_source = node_number == problem.source
        said[names[row]] = "nobody" if node_number == NOBODY else NEVER if is_source else problem.node_ids[node_number]
    return said


def three(nodes: dict[str, dict[str, Any]] | None = None, links: dict[str, dict[str, Any]] | None = None,
          **parts: Any) -> Problem:  # fmt: skip
    """Source a, then b and c, all linked; four layers of 1 s and 1 byte; many requests at a time."""
    own, wires = nodes or {}, links or {}
    return problem_of(
        [node(name, speed=1.0 + k, **own.get(name, {})) for k, name in enumerate("abc")],
        [link(*pair, **wires.get(pair, {})) for pair in ("ab", "ac", "bc")],
        [layer(out=1.0) for _ in range(4)],
        inference(concurrency=100),
        **parts,
    )


def test_node_that_overlaps_and_link_of_one_hand_over_never_add_up() -> None:
    said = owned(three(privacy={"head_layers": 1}))
    assert {name: said[name] for name in ("b", "c", "b -> c", "c -> b")} == dict.fromkeys(
        ("b", "c", "b -> c", "c -> b"), NEVER
    )


def test_node_that_does_not_overlap_owns_what_comes_and_goes() -> None:
    assert owned(three({"b": DEAF}))["b"] == "b"


def test_source_with_two_stages_is_remembered_by_all() -> None:
    assert owned(three())["a"] == "nobody"


def test_source_that_holds_the_head_only_never_adds_up() -> None:
    """With a required head and a tail kept elsewhere, one stage of any plan is on a."""
    rules = {"privacy": {"head_layers": 1}, "constraints": {"pinned": {"3": "b"}}}
    assert owned(three(**rules))["a"] == NEVER


def test_link_to_the_source_that_carries_input_and_result_is_its_other_nodes() -> None:
    """Half-duplex: input to b, hand-overs both ways, the result back."""
    problem = three(links={"ab": {"duplex": "half"}}, input_bytes=1.0, result_bytes=1.0)
    said = owned(problem)
    half = next(name for name in said if name not in "abc" and "a" in name and "b" in name and "c" not in name)
    assert said[half] == "b"


def test_medium_belongs_to_nobody() -> None:
    radio = {"medium": "wifi"}
    assert owned(three(links=dict.fromkeys(("ab", "bc", "ac"), radio)))["wifi"] == "nobody"


def test_medium_around_one_node_is_that_nodes() -> None:
    """a - b and b - c: whatever is sent comes from b or goes there."""
    radio = {"medium": "wifi"}
    assert owned(three(links={"ab": radio, "bc": radio}))["wifi"] == "b"


def test_medium_of_one_link_is_crossed_once() -> None:
    """From b to c or back, not both."""
    assert owned(three(links={"bc": {"medium": "wifi"}}))["wifi"] == NEVER


def test_link_of_a_relay_carries_transfers_of_several_pairs() -> None:
    """b and c reach each other and a only by r: what leaves b may go to c or back to a."""
    problem = problem_of(
        [node("a"), node("r", relay=True, memory_bytes=0.5), node("b", speed=2.0), node("c", speed=3.0)],
        [link(name, "r") for name in "abc"],
        [layer(out=1.0, weight=1.0) for _ in range(4)],
        inference(concurrency=100),
        input_bytes=1.0,
        result_bytes=1.0,
    )
    said = owned(problem)
    assert said["b -> r"] == "b"
    assert said["a -> r"] == "nobody"


def test_members_of_a_class_own_their_loads_one_by_one() -> None:
    """b and c are alike and do not overlap: each has its own sum, and a hand-over within loads both."""
    nodes = [node("a"), node("b", **DEAF), node("c", **DEAF)]
    problem = problem_of(
        nodes, [link(*pair) for pair in ("ab", "ac", "bc")], [layer(out=1.0) for _ in range(3)],
        inference(concurrency=100),
    )  # fmt: skip
    task = task_of(problem, merge=True)
    assert task.graph.capacity.tolist() == [1, 2, 0]
    assert owned(problem, merge=True)["b"] == "b"
    adding = adding_loads(task)
    within = task.graph.stage_count + np.flatnonzero(task.graph.sender == task.graph.receiver)
    for column in within.tolist():
        mine = slice(adding.begin[column], adding.begin[column + 1])
        own = adding.slot[mine] >= adding.shared_slots
        assert sorted(adding.after[mine][own].tolist()) == [False, True]  # the sender's, then the receiver's


# Peaks


def pipeline(schedule: str, **fields: Any) -> Task:
    """b and c do not overlap; every layer takes 2 s forwards and 3 s backwards, 1 s to send and 2 s back."""
    layers = [layer(2.0, out=1.0, backward=3.0, gradient=2.0, weight=1.0) for _ in range(3)]
    nodes = [node("a", memory_bytes=1.0), node("b", memory_bytes=1.0, **DEAF), node("c", memory_bytes=1.0, **DEAF)]
    links = [link(*pair) for pair in ("ab", "ac", "bc")]
    return task_of(problem_of(nodes, links, layers, training(5, schedule)), **fields)


@pytest.mark.parametrize(
    ("schedule", "model", "peaks"),
    [
        ("sequential", LatencyModel.FORMULA, []),
        ("gpipe", LatencyModel.FORMULA, [(Peak.FORWARD, 1.0), (Peak.BACKWARD, 1.0)]),
        ("1f1b", LatencyModel.FORMULA, [(Peak.FORWARD, 1.0)]),
        ("1f1b", LatencyModel.REPLAY_BOUND, [(Peak.CYCLE, 5.0)]),
    ],
)
def test_schedule_says_what_loads_bear_on(schedule: str, model: LatencyModel, peaks: list[tuple[Peak, float]]) -> None:
    task = pipeline(schedule, latency_model=model)
    assert [(loads.peak, loads.times) for loads in loads_by_peak(task)] == peaks


@pytest.mark.parametrize(("streams", "peaks"), [(1, []), (2, [Peak.CYCLE])])
def test_requests_have_a_peak_when_several_are_in_flight(streams: int, peaks: list[Peak]) -> None:
    problem = problem_of([node("a")], [], [layer()], inference(concurrency=streams))
    assert [loads.peak for loads in loads_by_peak(task_of(problem))] == peaks


def test_stage_counts_the_least_that_any_hand_over_around_it_adds_to_its_node() -> None:
    """Layer 1 alone on b: 1 + 2 + 1 s forwards, 2 + 3 + 2 s backwards; layer 0 has only one side."""
    task = pipeline("gpipe")
    graph, shape = task.graph, shape_of(task)

    def peaks(name: str, first: int) -> tuple[float, float]:
        n = task.problem.node_ids.index(name)
        column = np.flatnonzero((graph.node == n) & (graph.first == first) & (graph.stop == first + 1))
        return tuple(shape.peaks_s[[Peak.FORWARD, Peak.BACKWARD], int(column[0])].tolist())

    assert peaks("b", 1) == (4.0, 7.0)
    assert peaks("b", 0) == (3.0, 5.0)
    assert peaks("a", 1) == (2.0, 3.0)  # overlaps


def test_loads_of_a_smaller_graph_are_those_of_its_columns() -> None:
    task = pipeline("gpipe")
    adding = adding_loads(task)
    keep = np.random.default_rng(0).random(len(task.graph.joules)) < 0.5
    kept = adding.kept(keep)
    for now, before in enumerate(np.flatnonzero(keep).tolist()):
        ours, theirs = (slice(a.begin[c], a.begin[c + 1]) for a, c in ((kept, now), (adding, before)))
        for name in ("slot", "value", "after"):
            assert np.array_equal(getattr(kept, name)[ours], getattr(adding, name)[theirs])


def test_task_without_peaks_has_no_slots() -> None:
    adding = adding_loads(pipeline("sequential"))
    assert (adding.shared_slots, len(adding.peak), adding.begin[-1]) == (0, 0, 0)
