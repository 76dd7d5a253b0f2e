from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models import Fault, InvalidInput, PlanRequest
from models.base import pointer_to
from models.problem_details import Violation
from models.violations import violations_of
from tests.models.requests import SMALLEST, body, violations


def test_the_tag_of_a_workload_is_no_part_of_a_pointer() -> None:
    [found] = violations(body("workload/output_tokens", -1))
    assert (found.pointer, found.message, found.actual, found.limit) == (
        "/workload/output_tokens", "must be at least 1", -1, 1,
    )  # fmt: skip


def test_a_field_that_is_called_like_a_tag_is_found() -> None:
    assert [found.pointer for found in violations(body("workload/inference", 1))] == ["/workload/inference"]


def test_a_missing_field_is_named_at_the_place_it_should_have() -> None:
    raw = body()
    del raw["workload"]["source"]
    [found] = violations(raw)
    assert (found.pointer, found.code, found.message, found.actual) == (
        "/workload/source", "missing", "this field is required", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("workload", "message"),
    [({"source": "phone"}, "this field is required"), ({"kind": "dreaming"}, "must be one of 'inference', 'training'")],
)
def test_a_workload_of_no_known_kind_is_refused_at_its_kind(workload: dict[str, str], message: str) -> None:
    [found] = violations(body("workload", workload))
    assert (found.pointer, found.message) == ("/workload/kind", message)


def test_a_list_is_not_called_too_short_because_its_entries_are_refused() -> None:
    found = violations(body("model/layers", [{"forward": {"flops": -1}}]))
    assert [violation.pointer for violation in found] == ["/model/layers/0/forward/flops"]


def test_sentences_do_not_speak_of_python() -> None:
    wrong = ([], {}, "x", 1, None, True)
    said = [
        violation.message
        for path in ("cluster", "cluster/nodes", "model/layers/0", "workload", "objective", "solver/seed", "privacy")
        for value in wrong
        for violation in violations(body(path, value))
    ]
    assert said
    assert not [message for message in said if any(word in message for word in ("tuple", "dict", "instance", "Input"))]


def test_a_large_value_is_not_repeated() -> None:
    huge = "x" * 100_000
    for path in (
        "workload/kind",
        "workload/source",
        "cluster/nodes/0/memory_bytes",
        f"cluster/{huge}",
        "objective/kind",
    ):
        for violation in violations(body(path, huge)):
            assert len(violation.model_dump_json()) < 5000


def test_what_json_cannot_write_is_repeated_as_text() -> None:
    [found] = violations(body("cluster/nodes/0/idle_power_w", float("nan")))
    assert found.actual == "nan"
    [found] = violations(body("solver/seed", 10**30))
    assert found.actual is None


def test_a_key_that_is_no_node_id_is_named_by_the_object_that_holds_it() -> None:
    found = violations(body("model/layers/0/forward/time_s", {"": 1.0}))
    assert [violation.pointer for violation in found] == ["/model/layers/0/forward/time_s/"]


def test_faults_found_outside_pydantic_are_described_alike() -> None:
    error = InvalidInput([Fault("/model/layers/0/name", "odd", "layer 0 is odd", ["a"], {"much": 1})])
    assert violations_of(error, SMALLEST) == [
        Violation(pointer="/model/layers/0/name", code="odd", message="layer 0 is odd", actual=["a"], limit=None)
    ]


def test_without_the_parsed_input_the_path_is_taken_as_it_is() -> None:
    with pytest.raises(ValidationError) as caught:
        PlanRequest.model_validate_json('{"cluster": ')
    [found] = violations_of(caught.value, None)
    assert (found.pointer, found.code, found.actual) == ("", "json_invalid", None)


def test_a_fault_of_two_values_that_one_shorthand_stands_for_is_named_once() -> None:
    found = violations(body("constraints/pinned", {"5000": "edge"}))
    assert [violation.pointer for violation in found] == ["/constraints/pinned/5000"]


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["phone", "x"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
RICH = body() | {
    "privacy": {"head_layers": 1, "leakage": [0, 0, 0, 0], "max_leakage": 1},
    "constraints": {"allowed_nodes": ["phone", "edge"], "pinned": {"2": "edge"}, "forbidden_nodes": [{"nodes": ["edge"],
        "layer": 0}]},
    "objective": {"kind": "lexicographic", "order": ["latency", "energy"]},
    "solver": {"backend": "milp", "seed": 3},
}  # fmt: skip


def places(here: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a JSON value."""
    inside = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=120, deadline=None)
@given(place=st.sampled_from(places(RICH)[1:]), value=ANYTHING)
def test_whatever_stands_at_any_place_every_fault_points_to_a_place_of_the_input(
    place: tuple[str | int, ...], value: Any
) -> None:
    raw = json.loads(json.dumps(RICH))
    inside: Any = raw
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = value
    known = {pointer_to(*path) for path in places(raw)}
    for violation in violations(raw):
        parent = violation.pointer.rpartition("/")[0]
        assert violation.pointer in known or parent in known
        json.dumps(violation.model_dump(), allow_nan=False)
