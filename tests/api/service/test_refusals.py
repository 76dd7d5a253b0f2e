"""Bad input: each kind of fault is named at its place, all at once, and nothing answers 500."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

PROBLEM = "application/problem+json"
REMOVE = object()


def changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of `body` with the values at these slash-separated paths replaced or removed."""
    result = copy.deepcopy(body)
    for path, value in changes.items():
        *way, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
        here: Any = result
        for step in way:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
        if value is REMOVE:
            del here[last]
        else:
            here[last] = value
    return result


NODE = {"id": "edge", "compute_flops_per_s": 1e12, "memory_bytes": 1e9}
BAD = [
    # what is changed in a sound request -> where the faults are, and which
    ({"cluster/nodes/0/memory_bytes": float("nan")}, [("/cluster/nodes/0/memory_bytes", "quantity")]),
    ({"cluster/nodes/0/idle_power_w": float("inf")}, [("/cluster/nodes/0/idle_power_w", "finite_number")]),
    ({"cluster/nodes/0/idle_power_w": 1e308}, [("/cluster/nodes/0/idle_power_w", "less_than_equal")]),
    ({"cluster/nodes/0/memory_bytes": -1}, [("/cluster/nodes/0/memory_bytes", "quantity")]),
    ({"cluster/nodes/0/memory_bytes": 10**400}, [("/cluster/nodes/0/memory_bytes", "quantity")]),
    ({"workload/output_tokens": 10**400}, [("/workload/output_tokens", "less_than_equal")]),
    ({"workload/output_tokens": 1.5}, [("/workload/output_tokens", "int_type")]),
    ({"workload/output_tokens": "2"}, [("/workload/output_tokens", "int_type")]),
    ({"cluster/nodes/0/memory_bytes": "16 bananas"}, [("/cluster/nodes/0/memory_bytes", "quantity")]),
    ({"cluster/nodes/0/memory_bytes": "100Mbit/s"}, [("/cluster/nodes/0/memory_bytes", "quantity")]),
    ({"cluster/nodes/0/compute_flops_per_s": "1TB/s"}, [("/cluster/nodes/0/compute_flops_per_s", "quantity")]),
    ({"cluster/nodes/0/colour": "red"}, [("/cluster/nodes/0/colour", "extra_forbidden")]),
    ({"cluster/nodes/0/id": REMOVE}, [("/cluster/nodes/0/id", "missing")]),
    ({"cluster/nodes/0/compute_flops_per_s": REMOVE}, [("/cluster/nodes/0/compute_flops_per_s", "missing")]),
    ({"cluster/nodes/0/busy_power_w": 0.5}, [("/cluster/nodes/0/busy_power_w", "below_idle_power")]),
    ({"cluster/nodes": []}, [("/cluster/nodes", "too_short")]),
    ({"cluster/nodes": {}}, [("/cluster/nodes", "tuple_type")]),
    ({"cluster": []}, [("/cluster", "model_type")]),
    ({"cluster/nodes/0": NODE}, [("/cluster/nodes/1/id", "duplicate"), ("/cluster/links/0/source", "unknown_node")]),
    ({"cluster/links/0/target": "moon"}, [("/cluster/links/0/target", "unknown_node")]),
    ({"cluster/links/0/target": "phone"}, [("/cluster/links/0/target", "self_link")]),
    ({"cluster/links/0/duplex": "triple"}, [("/cluster/links/0/duplex", "enum")]),
    ({"cluster/links": []}, [("/cluster/links", "no_route")]),
    ({"cluster/link_matrix": {"bandwidth_bits_per_s": [[None]]}},
     [("/cluster/link_matrix", "either_or"), ("/cluster/link_matrix/bandwidth_bits_per_s", "shape")]),
    ({"model": {}}, [("/model", "exactly_one")]),
    ({"model/layers": []}, [("/model/layers", "too_short")]),
    ({"model/catalogue": "gpt2"}, [("/model", "exactly_one")]),
    ({"model/layers/1/forward": REMOVE}, [("/model/layers/1/forward", "missing")]),
    ({"model/layers/1/forward/time_s": {"a/b~c": 1.0}},
     [("/model/layers/1/forward/time_s/a~1b~0c", "unknown_node")]),
    ({"model": {"huggingface_config": {"x": float("nan")}, "sequence_length": 8}},
     [("/model/huggingface_config", "value_error")]),
    ({"workload/kind": "dancing"}, [("/workload/kind", "union_tag_invalid")]),
    ({"workload/kind": REMOVE}, [("/workload/kind", "union_tag_not_found")]),
    ({"workload/source": REMOVE}, [("/workload/source", "missing")]),
    ({"workload/source": "moon"}, [("/workload/source", "unknown_node")]),
    ({"workload/micro_batches": 4}, [("/workload/micro_batches", "extra_forbidden")]),
    ({"workload/inference": 4}, [("/workload/inference", "extra_forbidden")]),
    ({"workload/output_tokens": 2}, [(f"/model/layers/{k}/decode", "missing_pass") for k in range(4)]),
    ({"workload": {"kind": "training", "source": "phone"}}, [("/model/layers", "missing_pass")]),
    ({"privacy/head_layers": 5}, [("/privacy/head_layers", "out_of_range")]),
    ({"privacy/leakage": [0.5]}, [("/privacy/max_leakage", "missing")]),
    ({"objective/latency_weight": 0.5}, [("/objective/latency_weight", "not_applicable")]),
    ({"objective/kind": "happiness"}, [("/objective/kind", "enum")]),
    ({"solver/time_limit_s": 0}, [("/solver/time_limit_s", "greater_than")]),
    ({"solver/backend": "magic"}, [("/solver/backend", "enum")]),
    ({"constraints/pinned": {"3": "moon"}}, [("/constraints/pinned/3", "unknown_node")]),
    ({"constraints/pinned": {"0": "edge"}}, [("/constraints/pinned/0", "contradictory_pins")]),
    ({"constraints/pinned": [{"layer": 3, "node": "edge"}, {"layer": 3, "node": "phone"}]},
     [("/constraints/pinned/1", "contradictory_pins")]),
    ({"constraints/allowed_nodes": ["phone", "moon"]}, [("/constraints/allowed_nodes/1", "unknown_node")]),
    ({"constraints/forbidden_nodes": [{"first_layer": 2, "stop_layer": 2, "nodes": ["edge"]}]},
     [("/constraints/forbidden_nodes/0/stop_layer", "empty_range")]),
    ({"cluster/nodes/0/memory_bytes": "much", "workload/output_tokens": 0, "solver/seed": -1},
     [("/cluster/nodes/0/memory_bytes", "quantity"), ("/solver/seed", "greater_than_equal"),
      ("/workload/output_tokens", "greater_than_equal")]),
]  # fmt: skip


def refusal(answer) -> list[tuple[str, str]]:
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-input"
    assert all(violation["message"] for violation in problem["violations"])
    return sorted((violation["pointer"], violation["code"]) for violation in problem["violations"])


@pytest.mark.parametrize(("changes", "expected"), BAD, ids=[" and ".join(changes) for changes, _ in BAD])
@pytest.mark.parametrize("path", ["/plan", "/plan:validate"])
def test_every_fault_is_named_at_its_place(client, body, path, changes, expected):
    answer = client.post(path, content=json.dumps(changed(body, changes)))
    assert refusal(answer) == sorted(expected)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([], [("/stages", "too_short")]),
        ([{"node": "moon", "first_layer": 0, "stop_layer": 4}], [("/stages/0/node", "unknown_node")]),
        ([{"node": "phone", "first_layer": 4, "stop_layer": 4}], [("/stages/0/stop_layer", "empty_range")]),
        (
            [{"node": "phone", "level": "turbo", "first_layer": 0, "stop_layer": 4}],
            [("/stages/0/level", "unknown_level")],
        ),
    ],
)
def test_stages_to_evaluate_are_checked_too(client, body, stages, expected):
    assert refusal(client.post("/plan:evaluate", json=body | {"stages": stages})) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"{",
        b'{"cluster": }',
        b"\xff\xfe",
        b'{"cluster": "\xc3\x28"}',
        b'\xef\xbb\xbf{"cluster": 1}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"{} {}",
    ],
    ids=["empty", "blank", "cut off", "no value", "no utf-8", "bad utf-8", "byte order mark", "lone surrogate",
         "deep lists", "deep objects", "integer of 5000 digits", "two documents"],
)  # fmt: skip
def test_what_is_no_json_is_called_so(client, raw):
    answer = client.post("/plan", content=raw)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["type"] == "/problems/malformed-json"
    [violation] = problem["violations"]
    assert violation["pointer"] == ""
    assert violation["code"] == "json_invalid"


@pytest.mark.parametrize("raw", [b"[]", b"null", b"3", b'"text"', b"NaN", b"[" * 150 + b"]" * 150])
def test_json_that_is_no_object_is_refused(client, raw):
    assert refusal(client.post("/plan", content=raw)) == [("", "model_type")]


def test_a_name_given_twice_is_refused_though_parsers_keep_the_last(client, body):
    raw = json.dumps(body).replace('"id": "phone"', '"id": "tablet", "id": "phone"')
    assert refusal(client.post("/plan", content=raw)) == [("/cluster/nodes/0/id", "duplicate_key")]


def test_a_name_given_twice_is_refused_though_an_escaped_colon_makes_up_for_the_one_that_is_lost(client, body):
    body["model"]["name"] = "a:b"
    raw = json.dumps(body).replace("a:b", "a\\u003ab").replace('"id": "phone"', '"id": "tablet", "id": "phone"')
    assert refusal(client.post("/plan", content=raw)) == [("/cluster/nodes/0/id", "duplicate_key")]


def test_repeated_names_are_named_beside_other_faults(client, body):
    raw = json.dumps(changed(body, {"solver/seed": -1})).replace('"id": "phone"', '"id": "tablet", "id": "phone"')
    assert refusal(client.post("/plan", content=raw)) == [
        ("/cluster/nodes/0/id", "duplicate_key"),
        ("/solver/seed", "greater_than_equal"),
    ]


def test_the_input_is_never_echoed(client, body):
    secret = "s3cret" * 100
    answer = client.post("/plan", json=changed(body, {"cluster/nodes/0/memory_bytes": secret, secret: secret}))
    assert answer.status_code == 422
    assert "s3crets3cret" not in answer.text


def test_no_more_than_a_hundred_violations_are_listed_and_the_rest_counted(client, body):
    body["cluster"]["nodes"] += [{"id": f"n{k}", "memory_bytes": -1, "compute_flops_per_s": 1.0} for k in range(150)]
    problem = client.post("/plan", json=body).json()
    assert len(problem["violations"]) == 100
    assert problem["violations_omitted"] == 50


def test_absurdly_many_faults_are_counted_but_not_listed(client):
    problem = client.post("/plan", content='{"constraints": {"pinned": [' + "1," * 30_000 + "1]}}").json()
    [violation] = problem["violations"]
    assert violation["code"] == "too_many_faults"
    assert "30004 places" in violation["message"]


def test_a_body_of_40_mb_is_too_large(client):
    answer = client.post("/plan", content=b" " * 40_000_000)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["type"] == "/problems/body-too-large"


def test_a_streamed_body_is_counted_as_it_comes(client_of):
    async def chunks():
        for _ in range(5):
            yield b" " * 300

    answer = client_of(max_body_bytes=1000).post("/plan", content=chunks())
    assert answer.status_code == 413


def test_a_body_of_exactly_the_limit_is_read(client_of, body):
    raw = json.dumps(body).encode()
    assert client_of(max_body_bytes=len(raw)).post("/plan", content=raw).status_code == 200
    assert client_of(max_body_bytes=len(raw) - 1).post("/plan", content=raw).status_code == 413


def test_a_body_of_millions_of_values_is_too_large_whatever_its_bytes(client):
    answer = client.post("/plan", content='{"cluster": {"nodes": [' + "{}," * 500_000 + "{}]}}")
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/xml", "text/html", "image/png"])
def test_what_is_clearly_something_else_is_not_read(client, body, kind):
    answer = client.post("/plan", content=json.dumps(body), headers={"content-type": kind})
    assert answer.status_code == 415
    assert answer.json()["type"] == "/problems/unsupported-media-type"


def test_a_compressed_body_is_not_read(client, body):
    answer = client.post("/plan", content=json.dumps(body), headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
