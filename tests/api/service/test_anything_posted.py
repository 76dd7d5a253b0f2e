"""Whatever is posted, the answer is a result or problem details that blame the request; never a failure of ours."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import examples
from examples import Purpose

FUZZ = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALID = {
    "/plan": [json.loads(example.read()) for example in examples.of(Purpose.PLAN)],
    "/frontier": [json.loads(example.read()) for example in examples.of(Purpose.FRONTIER)],
    "/plan:validate": [json.loads(example.read()) for example in examples.of(Purpose.PLAN)],
    "/plan:evaluate": [json.loads(example.read()) for example in examples.of(Purpose.EVALUATE)],
    "/plan:export": [json.loads(example.read()) for example in examples.of(Purpose.EXPORT)],
    "/profiles": [json.loads(example.read()) for example in examples.of(Purpose.PROFILE)],
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([10**30, -(10**30), 10**400, 1e308, -0.0, 5e-324, "16GiB", "1e400GB", "", "phone", "٣GB", "\x00"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside `value`."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, part in entries for found in [(*path, key), *places(part, (*path, key))]]


def blames_the_request_or_answers(answer) -> None:
    assert answer.status_code in {200, 400, 422}, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["violations"]


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(raw=st.binary(max_size=60))
def test_any_bytes(client, path, raw):
    blames_the_request_or_answers(client.post(path, content=raw))


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(body=JSON)
def test_any_json(client, path, body):
    blames_the_request_or_answers(client.post(path, content=json.dumps(body)))


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(draws=st.data())
def test_any_change_of_a_sound_request(client, path, draws):
    body = copy.deepcopy(draws.draw(st.sampled_from(VALID[path])))
    for _ in range(draws.draw(st.integers(1, 3))):
        *way, last = draws.draw(st.sampled_from(places(body)))
        here = body
        for step in way:
            here = here[step]
        action = draws.draw(st.sampled_from(["replace", "remove", "repeat", "add"]))
        if action == "replace":
            here[last] = draws.draw(JSON)
        elif action == "remove":
            del here[last]
        elif action == "repeat" and isinstance(here, list):
            here.append(copy.deepcopy(here[last]))
        elif isinstance(here, dict):
            here[draws.draw(st.text(max_size=12))] = draws.draw(JSON)
        if not places(body):
            break
    blames_the_request_or_answers(client.post(path, content=json.dumps(body)))
