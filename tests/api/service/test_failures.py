"""Whatever goes wrong, the answer is problem details with a request id, and the log has the rest."""

from __future__ import annotations

import logging

import pytest

from api.problems import ProblemType

PROBLEM = "application/problem+json"


def problem_of(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == status
    return problem


@pytest.mark.parametrize("path", ["/nothing", "/plan/", "/examples/nothing", "/catalogue/models/nothing",
                                  "/catalogue/nodes/nothing", "/catalogue/links/nothing", "/problems/nothing",
                                  "/docs-assets/nothing.js", "/redoc"])  # fmt: skip
def test_unknown_paths_are_problems(client, path):
    assert problem_of(client.get(path), 404)["type"] == "/problems/not-found"


def test_a_wrong_method_is_a_problem_that_names_the_right_one(client):
    answer = client.get("/plan")
    assert problem_of(answer, 405)["type"] == "/problems/method-not-allowed"
    assert answer.headers["allow"] == "POST"
    assert client.request("PUT", "/plans/plan-1").headers["allow"] == "DELETE, GET"


def test_a_fault_of_the_service_says_nothing_but_a_request_id(client_of, body, caplog):
    def plan(asked, *, cancelled=None):
        raise RuntimeError("secret of the inside")

    with caplog.at_level(logging.ERROR, "placement.api"):
        answer = client_of(plan=plan).post("/plan", json=body, headers={"x-request-id": "mine-7"})
    problem = problem_of(answer, 500)
    assert problem["type"] == "/problems/internal-error"
    assert "mine-7" in problem["detail"]
    assert "secret" not in answer.text
    assert "mine-7" in caplog.text
    assert "secret of the inside" in caplog.text


def test_a_value_error_inside_the_planner_is_not_blamed_on_the_caller(client_of, body):
    def plan(asked, *, cancelled=None):
        raise ValueError("a fault of ours")

    problem_of(client_of(plan=plan).post("/plan", json=body), 500)


def test_every_answer_has_a_request_id_and_forbids_sniffing(client):
    for path in ("/healthz", "/nothing", "/docs"):
        answer = client.get(path)
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_request_id_of_the_caller_is_kept_if_it_is_harmless(client):
    assert client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/healthz", headers={"x-request-id": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_every_problem_type_has_a_page_to_read_and_one_to_parse(client):
    listed = client.get("/problems").json()["problems"]
    assert len(listed) == len(ProblemType)
    for page in listed:
        assert client.get(page["type"]).json() == page
        html = client.get(page["type"], headers={"accept": "text/html"})
        assert html.headers["content-type"] == "text/html; charset=utf-8"
        assert f"HTTP status {page['status']}" in html.text


def test_the_type_of_a_problem_follows_the_path_the_service_is_mounted_at(client_of):
    client = client_of(root_path="/placement")
    assert client.get("/placement/nothing").json()["type"] == "/placement/problems/not-found"
