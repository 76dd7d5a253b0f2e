"""The published description: valid in structure, complete, and free of anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from models import CompareRequest, EvaluateRequest, FrontierRequest, PlanRequest
from models.export import ExportRequest
from models.profile_request import ProfileRequest
from tools import openapi

BODIES = {
    "/plan": PlanRequest,
    "/frontier": FrontierRequest,
    "/plan:compare": CompareRequest,
    "/plan:validate": PlanRequest,
    "/plan:evaluate": EvaluateRequest,
    "/plan:export": ExportRequest,
    "/profiles": ProfileRequest,
}
PATHS = {
    *BODIES, "/catalogue/models", "/catalogue/models/{id}", "/catalogue/nodes", "/catalogue/nodes/{id}",
    "/catalogue/links", "/catalogue/links/{id}", "/examples", "/examples/{name}", "/healthz", "/readyz", "/problems",
    "/problems/{slug}", "/plans", "/plans/{id}", "/plans/{id}/request", "/exports",
    "/plans/{id}/export/{format}", "/plans/{id}/events", "/limits",
}  # fmt: skip


def test_the_committed_description_is_the_one_published():
    assert openapi.FILE.read_text() == openapi.written(), "run make openapi, and look at what changed"


@pytest.fixture
def document(client) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def inside(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(part)


def test_it_describes_every_endpoint_by_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    assert set(document["paths"]) == PATHS


def test_every_reference_leads_to_a_schema(document):
    references = {part["$ref"] for part in inside(document) if isinstance(part, dict) and "$ref" in part}
    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_no_schema_is_published_that_nothing_uses(document):
    names = {name for part in inside(document) if isinstance(part, dict) for name in [part.get("$ref")]}
    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= names


def test_names_of_schemas_are_readable(document):
    for name in document["components"]["schemas"]:
        assert re.fullmatch(r"[A-Za-z]+(-Input|-Output)?", name)


def test_operation_ids_are_unique_and_every_operation_has_a_known_tag_and_a_summary(document):
    known = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    found = list(operations(document))
    assert len({operation["operationId"] for _, operation in found}) == len(found)
    for _, operation in found:
        assert set(operation["tags"]) <= known
        assert operation["summary"]


def test_every_operation_says_how_it_fails_in_problem_details(document):
    for path, operation in operations(document):
        failures = {status: answer for status, answer in operation["responses"].items() if status[0] not in "23"}
        assert {"500", "default"} <= set(failures)
        if path in BODIES:
            assert {"400", "413", "415", "422", "503"} <= set(failures)
        if "{" in path:
            assert "404" in failures
        for answer in failures.values():
            assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("path", BODIES)
def test_every_body_has_examples_that_are_sound_requests(document, path):
    examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) >= 2
    for example in examples.values():
        assert example["summary"]
        assert example["description"]
        BODIES[path].model_validate(example["value"])


def test_every_answer_to_a_body_has_an_example(document):
    for path in BODIES:
        assert document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["examples"]


def test_every_figure_of_a_request_says_its_unit(document):
    unit = re.compile(r"_(s|bytes|bits_per_s|bytes_per_s|flops_per_s|flops|w|j|per_s)$")
    figures = [
        (kind, name, field.get("description"))
        for kind, schema in document["components"]["schemas"].items()
        if kind.removesuffix("-Input") in {"Node", "Link", "Constraints", "OperatingPoint", "SolverSettings"}
        for name, field in schema["properties"].items()
        if unit.search(name)
    ]
    assert len(figures) > 15
    assert [figure for figure in figures if figure[2] is None] == []


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"https?://|//cdn", page.text)
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert client.get(asset).status_code == 200
    assert '"tryItOutEnabled": true' in client.get("/assets/docs.js").text


def test_the_landing_page_leads_only_to_what_exists(client):
    page = client.get("/").text
    targets = re.findall(r'href="([^"]+)"', page)
    assert len(targets) >= 6
    for target in targets:
        assert client.get(f"/{target}").status_code == 200
