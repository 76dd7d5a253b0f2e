"""The client that awaits; under asyncio or trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Concatenate, Never, ParamSpec, Self

import anyio
import httpx

from placement.client.offering import presented_as
from placement.client.operations import Operations
from placement.client.retries import Retries, Surroundings, Timeouts
from placement.client.settings import http_options, operations_of, shown
from placement.client.steps import E, NextLine, Open, Outcome, Pause, Reply, Run, Send, Step, Steps, T, Tell, Telling

P = ParamSpec("P")


def _awaiting(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[AsyncPlacementClient, P], Coroutine[Any, Any, T]]:
    async def method(client: AsyncPlacementClient, /, *args: P.args, **options: P.kwargs) -> T:
        return await client._result(operation(client._operations, *args, **options))  # noqa: SLF001 - its own

    return presented_as(operation, method)


def _iterating(
    operation: Callable[Concatenate[Operations, P], Telling[E]],
) -> Callable[Concatenate[AsyncPlacementClient, P], AsyncIterator[E]]:
    def method(client: AsyncPlacementClient, /, *args: P.args, **options: P.kwargs) -> AsyncIterator[E]:
        return client._told(operation(client._operations, *args, **options))  # noqa: SLF001 - its own

    return presented_as(operation, method, "AsyncIterator[{}]")


class AsyncPlacementClient:
    """Talks to the service at `base_url`; one is enough for all tasks. Close it, or use it as a context.

    Arguments, methods and errors are those of `PlacementClient`; methods are awaited, or iterated by `async for`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        surroundings: Surroundings = Surroundings(),  # noqa: B008 - frozen
    ) -> None:
        self._shown = shown(base_url)
        self._clock, self._sleep = surroundings.clock, sleep
        self._http = httpx.AsyncClient(**http_options(base_url, api_key), transport=transport)
        self._operations = operations_of(base_url, retries, timeouts, surroundings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    plan = _awaiting(Operations.plan)
    frontier = _awaiting(Operations.frontier)
    compare = _awaiting(Operations.compare)
    submit = _awaiting(Operations.submit)
    submit_frontier = _awaiting(Operations.submit_frontier)
    submit_comparison = _awaiting(Operations.submit_comparison)
    get = _awaiting(Operations.get)
    wait = _awaiting(Operations.wait)
    cancel = _awaiting(Operations.cancel)
    events = _iterating(Operations.events)
    request_of = _awaiting(Operations.request_of)
    list_plans = _awaiting(Operations.list_plans)
    iterate_plans = _iterating(Operations.iterate_plans)
    evaluate = _awaiting(Operations.evaluate)
    validate = _awaiting(Operations.validate)
    profile = _awaiting(Operations.profile)
    export = _awaiting(Operations.export)
    export_formats = _awaiting(Operations.export_formats)
    catalogue_models = _awaiting(Operations.catalogue_models)
    catalogue_nodes = _awaiting(Operations.catalogue_nodes)
    catalogue_links = _awaiting(Operations.catalogue_links)
    limits = _awaiting(Operations.limits)
    health = _awaiting(Operations.health)
    readiness = _awaiting(Operations.readiness)

    async def _result(self, steps: Steps[T]) -> T:
        run: Run[Never, T] = Run(steps)
        async for _ in self._taken(run):
            raise AssertionError("operations that return tell nothing")
        return run.result

    def _told(self, telling: Telling[E]) -> AsyncIterator[E]:
        return self._taken(Run(telling))

    async def _taken(self, run: Run[E, T]) -> AsyncIterator[E]:
        async with _Exchange(self._http, self._clock, self._sleep) as exchange:
            while run.step is not None:
                if isinstance(run.step, Tell):
                    yield run.step.value
                    run.feed(None)
                    continue
                try:
                    outcome = await exchange.take(run.step)
                except httpx.RequestError as error:
                    run.fail(error)
                else:
                    run.feed(outcome)


class _Exchange:
    """Takes steps, with at most one stream open."""

    def __init__(
        self, http: httpx.AsyncClient, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._http, self._clock, self._sleep = http, clock, sleep
        self._stream = AsyncExitStack()
        self._lines: AsyncIterator[str]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.aclose()

    async def take(self, step: Step) -> Outcome:
        """What comes of a step; raises `httpx.RequestError`."""
        match step:
            case Open():
                return await self._opened(step)
            case Send():
                return await self._sent(step)
            case NextLine():
                return await anext(self._lines, None)
            case Pause():
                await self._sleep(step.seconds)
                return None

    async def _opened(self, step: Open) -> Reply:
        await self._stream.aclose()
        response = await self._stream.enter_async_context(self._http.stream(**step.options()))
        if response.status_code != httpx.codes.OK:
            return Reply(response.status_code, response.headers, await response.aread())
        self._lines = response.aiter_lines()
        return Reply(response.status_code, response.headers)

    async def _sent(self, step: Send) -> Reply:
        until_s = self._clock() + step.left_s
        async with self._http.stream(**step.options()) as response:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if self._clock() > until_s:
                    raise step.still_trickling()
            return Reply(response.status_code, response.headers, bytes(body))
