"""Before any endpoint: who asks, and how often."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fastapi import Request
from starlette._utils import get_route_path  # the router's own: both must read a path alike
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers import problem_response, root_of
from api.problems import Problem, ProblemType
from api.security.addresses import own_name, reached_at
from api.security.keyring import Keyring, KeysUnknown
from api.security.rates import Rates
from api.settings import MetricsAccess, RequireKeys, Settings

_OPEN = frozenset({"", "/", "/healthz", "/readyz", "/docs", "/openapi.json", "/problems"})
_OPEN_BELOW = ("/assets/", "/docs-assets/", "/problems/")
"""Probes and pages, the same for everybody: they tell nothing of plans, and a browser cannot send a key with them."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = 'Bearer realm="placement"'


def owner_of(request: Request) -> str:
    """Whose plans the caller may see; "" where no key is needed."""
    return str(request.scope.get("state", {}).get("owner", ""))


class Guard:
    """ASGI middleware. Puts `owner` and `key_id` into the state of the request."""

    def __init__(self, app: ASGIApp, settings: Settings, keyring: Keyring, rates: Rates | None = None) -> None:
        self.app = app
        self._settings = settings
        self._keyring = keyring
        self._rates = rates or Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self._check(scope)
        except Problem as problem:
            scope["state"]["problem"] = problem.kind.value.slug
            await problem_response(problem, root_of(scope))(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        state = scope.setdefault("state", {})
        state["owner"] = ""
        path = get_route_path(scope)
        if _is_open(path) and scope["method"] in _SAFE:
            return
        headers = _first_of_each(scope)
        if path == "/metrics" and (self._settings.metrics is not MetricsAccess.AUTO or self._is_scraper(headers)):
            return
        try:
            if await self._keys_needed(scope):
                await self._check_key(headers, state)
            else:
                self._check_page(scope, headers)
        except KeysUnknown:
            detail = "the API keys cannot be read, so nobody can be let in"
            raise Problem(ProblemType.STORE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from None

    async def _keys_needed(self, scope: Scope) -> bool:
        if self._settings.require_keys is RequireKeys.AUTO:
            address = reached_at(scope.get("server"))
            return (address is not None and not address.is_loopback) or await self._keyring.any_created()
        return self._settings.require_keys is RequireKeys.ALWAYS

    async def _check_key(self, headers: Mapping[bytes, bytes], state: dict[str, object]) -> None:
        shown = _bearer(headers) or headers.get(b"x-api-key", b"").decode("latin-1")
        if not shown:
            raise Problem(ProblemType.KEY_NEEDED, "no API key was sent", headers={"WWW-Authenticate": _CHALLENGE})
        key = await self._keyring.key_of(shown)
        if key is None:
            challenge = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
            raise Problem(ProblemType.KEY_NEEDED, "the API key is unknown, revoked or expired", headers=challenge)
        state["owner"] = key.owner
        state["key_id"] = key.id
        allowance = self._rates.ask(key.id, key.rate_per_minute or self._settings.rate_limit_per_minute)
        state["answer_headers"] = allowance.headers()
        if not allowance.granted:
            raise Problem(ProblemType.TOO_MANY_REQUESTS, f"{allowance.limit} requests per minute are allowed")

    def _check_page(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Without keys whoever reaches the service may use it; so may not the pages that a browser here has open."""
        host = headers.get(b"host", b"").decode("latin-1")
        by_address = reached_at(scope.get("server")) is not None
        auto = self._settings.require_keys is RequireKeys.AUTO
        if auto and by_address and host and not own_name(host, self._settings.allowed_hosts):
            raise Problem(ProblemType.MISDIRECTED, "the Host header names neither an address nor localhost")
        if scope["method"] not in _SAFE and headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
            raise Problem(ProblemType.FOREIGN_PAGE, "a browser sent this request for a page of another site")

    def _is_scraper(self, headers: Mapping[bytes, bytes]) -> bool:
        token = self._settings.metrics_token
        return token is not None and hmac.compare_digest(token.get_secret_value().encode(), _bearer(headers).encode())


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _first_of_each(scope: Scope) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)
    return headers


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    scheme, _, text = headers.get(b"authorization", b"").partition(b" ")
    return text.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
