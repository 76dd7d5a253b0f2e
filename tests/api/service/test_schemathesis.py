"""The service against its own description: what fits it is answered as described, what does not is refused.

Bodies that only fit the schema are nearly never sound requests (links to unknown nodes, no route). So the bodies are
worked examples, varied such that they stay sound, and then nothing but success is right; bodies that are not sound are
tried in test_anything_posted. Ids lead to plans and entries that exist, or to none.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import positive_data_acceptance, unsupported_method
from schemathesis.config import SchemathesisConfig

import examples
from api.problems import ProblemType
from benchmarks.served import PLAIN
from examples import Purpose
from placement import catalogue
from tests.api.conftest import app_with
from tests.api.served import served
from tools import openapi

CASES = 8
"""Made up for each operation, beside those that systematically cover the edges of its parameters."""
BODIES = {
    "plan": (Purpose.PLAN, Purpose.INFEASIBLE),
    "validatePlan": (Purpose.PLAN, Purpose.INFEASIBLE),
    "frontier": (Purpose.FRONTIER, Purpose.PLAN),
    "evaluatePlan": (Purpose.EVALUATE,),
    "compare": (Purpose.COMPARE,),
    "exportPlan": (Purpose.EXPORT,),
    "profile": (Purpose.PROFILE,),
}
THERE = {
    "getModel": ("id", [entry.id for entry in catalogue.transformers()]),
    "getNode": ("id", [entry.id for entry in catalogue.devices()]),
    "getLink": ("id", [entry.id for entry in catalogue.links()]),
    "getExample": ("name", [example.name for example in examples.of(Purpose.PLAN)]),
    "getProblem": ("slug", [kind.value.slug for kind in ProblemType]),
}
"""What can be got, by operation, and the parameter that says which."""
PLANS = frozenset({"getPlan", "getPlanRequest", "cancelPlan", "watchPlan", "exportKeptPlan"})
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(openapi.FILE.read_text()),
    config=SchemathesisConfig.from_dict({
        "operations": [
            {
                "include-operation-id": sorted(BODIES),
                "phases": {"coverage": {"enabled": False}, "examples": {"enabled": False}},
                "generation": {"mode": "positive"},
            }
        ]
    }),
)  # fmt: skip


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with served(app_with(max_wait_s=1)) as where:
        yield where


@SCHEMA.hook
def before_generate_body(context: Any, strategy: Any) -> Any:
    return sound(named(context.operation))


@SCHEMA.hook
def before_generate_path_parameters(context: Any, strategy: Any) -> Any:
    if named(context.operation) not in THERE:
        return strategy
    parameter, names = THERE[named(context.operation)]
    return strategy | st.sampled_from([{parameter: name} for name in names])


@SCHEMA.parametrize()
@settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case, address):
    operation = named(case.operation)
    if operation in PLANS and len(case.path_parameters["id"]) % 2:
        case.path_parameters["id"] = kept(address)
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex  # used for other requests before, it would be refused
    excluded = [unsupported_method] + ([] if operation in BODIES else [positive_data_acceptance])
    case.call_and_validate(base_url=address, excluded_checks=excluded)


def named(operation: Any) -> str:
    return operation.definition.raw["operationId"]


@st.composite
def sound(draw: st.DrawFn, operation: str) -> Any:
    """A worked example of the operation, or a variation that is as sound."""
    purposes = BODIES[operation]
    body = copy.deepcopy(json.loads(draw(st.sampled_from([e for p in purposes for e in examples.of(p)])).read()))
    request = body.get("request", body)
    if "cluster" in request:
        request["solver"] = request.get("solver", {}) | {"seed": draw(st.integers(0, 2**31 - 1))}
        for node in request["cluster"]["nodes"]:
            node["labels"] = draw(
                st.dictionaries(st.text("ab-", min_size=1, max_size=3), st.text(max_size=3), max_size=2)
            )
        if draw(st.booleans()):
            request["constraints"] = request.get("constraints", {}) | {"max_energy_j": draw(st.floats(1.0, 1e6))}
    return body


@cache
def kept(address: str) -> str:
    """The id of a plan that is there."""
    [body, *_] = [example.read() for example in examples.of(Purpose.PLAN)]
    return httpx.post(f"{address}/plan", content=body, verify=PLAIN).json()["id"]
