from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from api.envelope import Envelope
from api.observability.instruments import Instruments
from api.security.guard import Guard, owner_of
from api.security.keyring import Keyring
from api.settings import MetricsAccess, RequireKeys, Settings
from tests.api.security.rows import NOW, Store, expired, key, revoked

OPEN = ["/", "/healthz", "/readyz", "/docs", "/docs-assets/swagger-ui.css", "/assets/docs.js", "/openapi.json",
        "/problems", "/problems/key-needed"]  # fmt: skip
Ask = Callable[..., httpx.Response]


def asks(store: Store, **settings: Any) -> Ask:
    """Asks an application that says whose plans it would show; by its address it is reached over loopback or not."""
    app = FastAPI(openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
    async def anything(request: Request) -> dict[str, str]:
        return {"owner": owner_of(request)}

    app.add_middleware(Guard, settings=Settings(**settings), keyring=Keyring(store.read, now=lambda: NOW))
    app.add_middleware(Envelope, instruments=Instruments())

    def ask(path: str = "/plan", method: str = "POST", at: str = "127.0.0.1", **headers: str) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{at}") as client:
                return await client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return asyncio.run(exchange())

    return ask


def problem_of(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"]


def test_without_keys_loopback_is_open():
    assert asks(Store())().json() == {"owner": ""}


def test_without_keys_nobody_from_outside_gets_in_however_the_service_was_started():
    ask = asks(Store())
    assert problem_of(ask(at="192.168.1.5"), 401) == "/problems/key-needed"
    assert problem_of(ask(at="[2001:db8::1]"), 401) == "/problems/key-needed"


def test_the_first_key_closes_loopback_too():
    text, row = key()
    ask = asks(Store(row))
    assert problem_of(ask(), 401) == "/problems/key-needed"
    assert ask(authorization=f"Bearer {text}").json() == {"owner": "alice"}


def test_a_key_that_was_revoked_leaves_the_door_closed():
    assert asks(Store(revoked()[1]))().status_code == 401


@pytest.mark.parametrize("header", ["authorization", "x_api_key"])
def test_a_key_is_shown_in_either_header_and_sees_its_owners_plans(header):
    (one, row), (other, row_2) = key("alice"), key("bob")
    ask = asks(Store(row, row_2))
    prefix = "bearer " if header == "authorization" else ""
    assert ask(**{header: prefix + one}).json() == {"owner": "alice"}
    assert ask(**{header: prefix + other}).json() == {"owner": "bob"}


@pytest.mark.parametrize("make", [expired, revoked, key])
def test_an_expired_revoked_or_unknown_key_is_refused_as_such(make):
    text, row = make()
    ask = asks(Store(key()[1], *([row] if make is not key else [])))
    answer = ask(authorization=f"Bearer {text}")
    assert problem_of(answer, 401) == "/problems/key-needed"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert text not in answer.text


def test_who_shows_no_key_is_told_how():
    answer = asks(Store(key()[1]))(authorization="Basic YTpi")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="placement"'


@pytest.mark.parametrize("path", OPEN)
def test_probes_and_pages_stay_open(path):
    ask = asks(Store(key()[1]))
    assert ask(path, "GET").status_code == 200
    assert ask(path, "GET", at="192.168.1.5").status_code == 200


@pytest.mark.parametrize("path", ["/plan", "/plans", "/plans/plan-1", "/limits", "/healthz/", "/docsx", "/problemsx",
                                  "/catalogue/models", "/docs/", "/DOCS"])  # fmt: skip
def test_everything_else_is_closed(path):
    assert asks(Store(key()[1]))(path, "GET").status_code == 401


def test_an_open_path_is_open_for_reading_only():
    assert asks(Store(key()[1]))("/docs", "POST").status_code == 401


def test_a_key_over_its_rate_is_told_when_to_come_again_and_others_go_on():
    (one, row), (other, row_2) = key("alice", rate_per_minute=2), key("bob")
    ask = asks(Store(row, row_2))
    first = ask(x_api_key=one)
    assert first.headers["ratelimit-policy"] == '"key";q=2;w=60'
    assert first.headers["ratelimit"] == '"key";r=1;t=30'
    ask(x_api_key=one)
    refused = ask(x_api_key=one)
    assert problem_of(refused, 429) == "/problems/too-many-requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert ask(x_api_key=other).headers["ratelimit-policy"] == '"key";q=6000;w=60'


def test_never_and_always_mean_what_they_say():
    assert asks(Store(key()[1]), require_keys=RequireKeys.NEVER)(at="192.168.1.5").json() == {"owner": ""}
    assert asks(Store(), require_keys=RequireKeys.ALWAYS)().status_code == 401


def test_a_store_that_does_not_answer_lets_nobody_in():
    store = Store()
    store.broken = True
    answer = asks(store)()
    assert problem_of(answer, 503) == "/problems/store-unavailable"
    assert answer.headers["retry-after"] == "5"
    assert asks(store)("/healthz", "GET").status_code == 200


def test_a_name_pointed_here_by_a_foreign_site_is_refused():
    ask = asks(Store(), allowed_hosts=("plans.example",))
    assert problem_of(ask(host="evil.example"), 421) == "/problems/misdirected"
    assert ask(host="localhost:8000").status_code == 200
    assert ask(host="plans.example").status_code == 200


def test_a_page_of_another_site_cannot_post():
    ask = asks(Store())
    assert problem_of(ask(sec_fetch_site="cross-site"), 403) == "/problems/foreign-page"
    assert ask(sec_fetch_site="same-origin").status_code == 200
    assert ask("/plans", "GET", sec_fetch_site="cross-site").status_code == 200


def test_whoever_shows_a_key_may_come_from_anywhere():
    text, row = key()
    assert asks(Store(row))(host="plans.example", sec_fetch_site="cross-site", x_api_key=text).status_code == 200


def test_metrics_are_open_where_no_key_is_needed_else_for_a_key_or_the_token():
    text, row = key()
    assert asks(Store())("/metrics", "GET").status_code == 200
    ask = asks(Store(row), metrics_token="scrape")
    assert ask("/metrics", "GET").status_code == 401
    assert ask("/metrics", "GET", authorization="Bearer scrap").status_code == 401
    assert ask("/metrics", "GET", authorization="Bearer scrape").status_code == 200
    assert ask("/metrics", "GET", authorization=f"Bearer {text}").status_code == 200
    assert ask("/plans", "GET", authorization="Bearer scrape").status_code == 401


def test_without_a_token_an_empty_one_opens_nothing():
    assert asks(Store(key()[1]))("/metrics", "GET", authorization="Bearer ").status_code == 401


def test_metrics_can_be_opened_to_all():
    ask = asks(Store(key()[1]), metrics=MetricsAccess.OPEN)
    assert ask("/metrics", "GET", at="192.168.1.5").status_code == 200
    assert ask("/plans", "GET", at="192.168.1.5").status_code == 401
