"""The service with keys: each key's plans are its owner's alone, wherever one could look for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from api.security.keys import mint
from api.store.keys import KeyRow, KeyStore
from tests.api.clients import Client
from tests.api.conftest import app_with


@dataclass
class Caller:
    """Somebody with a key."""

    client: Client
    headers: dict[str, str]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, headers=self.headers | options.pop("headers", {}), **options)


@pytest.fixture(scope="module")
def service() -> Iterator[Client]:
    with Client(app_with()) as started:
        yield started


@pytest.fixture(scope="module")
def callers(service: Client) -> dict[str, Caller]:
    """Callers by name; all keys are made before the first request, as the service reads new ones only now and then."""
    keys = KeyStore(service.app.state.service.database)
    made = {}
    for name, owner in (("alice", "a"), ("alice's other key", "a"), ("bob", "b"), ("carol", "c"), ("dave", "d")):
        minted = mint()
        service.portal.call(keys.insert, KeyRow(minted.id, owner, name, minted.key_hash, datetime.now(UTC)))
        made[name] = Caller(service, {"authorization": f"Bearer {minted.text}"})
    return made


@pytest.fixture(scope="module")
def alice(callers: dict[str, Caller]) -> Caller:
    return callers["alice"]


@pytest.fixture(scope="module")
def bob(callers: dict[str, Caller]) -> Caller:
    return callers["bob"]


@pytest.fixture
def plan(alice: Caller, body: dict[str, Any]) -> str:
    """The path of a plan of Alice's."""
    answer = alice.ask("POST", "/plan", json=body)
    assert answer.status_code == 200
    return f"/plans/{answer.json()['id']}"


def test_a_plan_is_its_owners_through_any_of_the_owners_keys(callers, alice, plan):
    assert alice.ask("GET", plan).status_code == 200
    assert callers["alice's other key"].ask("GET", plan).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/request"), ("GET", "/events"), ("DELETE", "")])
def test_for_another_owner_the_plan_does_not_exist(bob, plan, method, path):
    answer = bob.ask(method, plan + path)
    assert answer.status_code == 404
    assert answer.json()["type"] == bob.ask(method, "/plans/plan-01m83wr1w2t7e7wf448tynbnak" + path).json()["type"]


def test_a_list_holds_the_owners_plans_only(alice, bob, plan):
    plan_id = plan.rpartition("/")[2]
    assert plan_id in alice.ask("GET", "/plans").text
    assert plan_id not in bob.ask("GET", "/plans").text


def test_owners_may_use_the_same_idempotency_key_for_different_plans(alice, bob, body):
    same = {"headers": {"idempotency-key": "k-1"}}
    one = alice.ask("POST", "/plan", json=body, **same).json()["id"]
    other = bob.ask("POST", "/plan", json=body | {"objective": {"kind": "energy"}}, **same)
    assert other.status_code == 200
    assert other.json()["id"] != one
    assert alice.ask("POST", "/plan", json=body, **same).json()["id"] == one


def test_a_proof_of_one_owner_is_not_answered_to_another(callers, body):
    body["cluster"]["nodes"][0]["memory_bytes"] = "3GB"
    first, second = callers["carol"], callers["dave"]
    assert first.ask("POST", "/plan", json=body).json()["cached"] is False
    assert first.ask("POST", "/plan", json=body).json()["cached"] is True
    assert second.ask("POST", "/plan", json=body).json()["cached"] is False


def test_without_a_key_there_is_nothing_but_probes_and_pages(service, alice, plan):
    for path in ("/plans", plan, "/limits", "/catalogue/models", "/examples", "/metrics"):
        assert service.get(path).status_code == 401
    for path in ("/healthz", "/docs", "/openapi.json", "/problems", "/"):
        assert service.get(path).status_code == 200


def test_who_shows_no_key_is_answered_before_the_body_is_read(service, alice):
    with service.exchange("POST", "/plan", b"", host="localhost", content_length="1000000") as exchange:
        assert exchange.status() == 401


class Inline(HTMLParser):
    """Collects what a policy without unsafe-inline would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attributes}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/busy"])
def test_pages_hold_nothing_inline_and_forbid_it(service, path):
    answer = service.get(path, headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]
    page = Inline()
    page.feed(answer.text)
    assert page.found == []


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/openapi.json", "/assets/docs.js"])
def test_answers_that_are_no_page_may_load_and_be_framed_by_nothing(service, path):
    headers = service.get(path).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers
