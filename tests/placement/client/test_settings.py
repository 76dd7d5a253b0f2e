"""What a client is made with: addresses and keys; and where neither the key nor the planner goes."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from placement import client as package
from placement.client import AsyncPlacementClient, PlacementClient, Retries, Unauthorised, Unavailable
from placement.client.operations import Operations
from placement.client.settings import http_options
from tests.placement.client.world import World, ended, problem

SECRET = "lp_very-secret"
CLIENTS = (PlacementClient, AsyncPlacementClient)
ROOT = Path(__file__).parents[3]


def operations() -> list[str]:
    return [name for name, value in vars(Operations).items() if callable(value) and not name.startswith("_")]


def test_the_key_is_sent_and_shown_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.says = [httpx.ConnectError("refused"), problem("key-needed", 401)]
    with pytest.raises(Unauthorised) as caught:
        world.call("plan", {}, client={"api_key": SECRET})
    assert world.asked[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert "attempt 2" in caplog.text
    said = [caplog.text, str(caught.value), repr(caught.value), repr(vars(caught.value))]
    assert not [text for text in said if SECRET in text]


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_shows_its_address_and_no_secrets(kind: Any) -> None:
    client = kind(f"https://user:{SECRET}@place.test/prefix/?key={SECRET}", api_key=SECRET)
    assert repr(client) == f"{kind.__name__}('https://place.test/prefix')"
    assert SECRET not in str(vars(client))


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("url", ["", "place.test", "ftp://place.test", "http://"])
def test_an_address_must_be_one(kind: Any, url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        kind(url)


@pytest.mark.parametrize("key", ["", "a b", "ä", f"{SECRET}\n"])
def test_a_key_that_no_header_can_hold_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        PlacementClient(api_key=key)
    assert SECRET not in str(caught.value)


def test_certificates_are_read_and_verified_wherever_there_are_any() -> None:
    assert http_options("https://place.test", None)["verify"] is True
    assert http_options("http://place.test", None)["verify"] is False


def test_redirects_are_not_followed_with_the_key(world: World) -> None:
    world.says = [httpx.Response(307, headers={"Location": "https://elsewhere.test/"})]
    with pytest.raises(package.UnexpectedAnswer):
        world.call("limits", client={"api_key": SECRET})
    assert len(world.asked) == 1


def test_a_prefix_of_the_service_is_kept() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json=ended().json())

    with PlacementClient("http://place.test/prefix/", transport=httpx.MockTransport(answer)) as client:
        client.plan({})
    assert asked == ["http://place.test/prefix/plan"]


def test_requests_say_who_asks(world: World) -> None:
    world.says = [ended()]
    world.call("plan", {})
    assert world.asked[0].headers["user-agent"].startswith("layer-placement-client/")
    assert world.asked[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", CLIENTS)
def test_both_clients_offer_every_operation_with_its_arguments_and_its_docstring(kind: Any) -> None:
    assert len(operations()) > 20
    for name in operations():
        method, operation = getattr(kind, name), getattr(Operations, name)
        assert method.__doc__ == operation.__doc__
        assert inspect.signature(method).parameters == inspect.signature(operation).parameters
        assert "Steps" not in str(inspect.signature(method))


def test_whoever_only_asks_loads_no_planner() -> None:
    heavy = "{'numba', 'numpy', 'ortools', 'highspy', 'pulp', 'fastapi', 'api', 'torch'}"
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, placement.client; print({heavy} & {{n.split('.')[0] for n in sys.modules}})",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "set()"


def test_a_client_gives_up_on_an_address_where_nobody_listens() -> None:
    client = PlacementClient("http://127.0.0.1:1", retries=Retries(deadline_s=0.05))
    with client, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        client.plan({})
