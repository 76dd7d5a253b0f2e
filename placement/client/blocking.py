"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Concatenate, Never, ParamSpec, Self

import httpx

from placement.client.offering import presented_as
from placement.client.operations import Operations
from placement.client.retries import Retries, Surroundings, Timeouts
from placement.client.settings import http_options, operations_of, shown
from placement.client.steps import E, NextLine, Open, Outcome, Pause, Reply, Run, Send, Step, Steps, T, Tell, Telling

P = ParamSpec("P")


def _returning(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[PlacementClient, P], T]:
    def method(client: PlacementClient, /, *args: P.args, **options: P.kwargs) -> T:
        return client._result(operation(client._operations, *args, **options))  # noqa: SLF001 - its own

    return presented_as(operation, method)


def _iterating(
    operation: Callable[Concatenate[Operations, P], Telling[E]],
) -> Callable[Concatenate[PlacementClient, P], Iterator[E]]:
    def method(client: PlacementClient, /, *args: P.args, **options: P.kwargs) -> Iterator[E]:
        return client._told(operation(client._operations, *args, **options))  # noqa: SLF001 - its own

    return presented_as(operation, method, "Iterator[{}]")


class PlacementClient:
    """Talks to the service at `base_url`; one is enough for all threads. Close it, or use it as a context.

    `api_key` is sent with each request, and shown nowhere else. `retries` and `timeouts` say how persistent it is. With
    `transport` it asks something else than the network; `sleep` and `surroundings` are for tests.
    Its methods are those of `Operations`; they raise `PlacementError` when something goes wrong.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        surroundings: Surroundings = Surroundings(),  # noqa: B008 - frozen
    ) -> None:
        self._shown = shown(base_url)
        self._clock, self._sleep = surroundings.clock, sleep
        self._http = httpx.Client(**http_options(base_url, api_key), transport=transport)
        self._operations = operations_of(base_url, retries, timeouts, surroundings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    plan = _returning(Operations.plan)
    frontier = _returning(Operations.frontier)
    compare = _returning(Operations.compare)
    submit = _returning(Operations.submit)
    submit_frontier = _returning(Operations.submit_frontier)
    submit_comparison = _returning(Operations.submit_comparison)
    get = _returning(Operations.get)
    wait = _returning(Operations.wait)
    cancel = _returning(Operations.cancel)
    events = _iterating(Operations.events)
    request_of = _returning(Operations.request_of)
    list_plans = _returning(Operations.list_plans)
    iterate_plans = _iterating(Operations.iterate_plans)
    evaluate = _returning(Operations.evaluate)
    validate = _returning(Operations.validate)
    profile = _returning(Operations.profile)
    export = _returning(Operations.export)
    export_formats = _returning(Operations.export_formats)
    catalogue_models = _returning(Operations.catalogue_models)
    catalogue_nodes = _returning(Operations.catalogue_nodes)
    catalogue_links = _returning(Operations.catalogue_links)
    limits = _returning(Operations.limits)
    health = _returning(Operations.health)
    readiness = _returning(Operations.readiness)

    def _result(self, steps: Steps[T]) -> T:
        run: Run[Never, T] = Run(steps)
        for _ in self._taken(run):
            raise AssertionError("operations that return tell nothing")
        return run.result

    def _told(self, telling: Telling[E]) -> Iterator[E]:
        return self._taken(Run(telling))

    def _taken(self, run: Run[E, T]) -> Iterator[E]:
        with _Exchange(self._http, self._clock, self._sleep) as exchange:
            while run.step is not None:
                if isinstance(run.step, Tell):
                    yield run.step.value
                    run.feed(None)
                    continue
                try:
                    outcome = exchange.take(run.step)
                except httpx.RequestError as error:
                    run.fail(error)
                else:
                    run.feed(outcome)


class _Exchange:
    """Takes steps, with at most one stream open."""

    def __init__(self, http: httpx.Client, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._http, self._clock, self._sleep = http, clock, sleep
        self._stream = ExitStack()
        self._lines: Iterator[str] = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def take(self, step: Step) -> Outcome:
        """What comes of a step; raises `httpx.RequestError`."""
        match step:
            case Open():
                return self._opened(step)
            case Send():
                return self._sent(step)
            case NextLine():
                return next(self._lines, None)
            case Pause():
                self._sleep(step.seconds)
                return None

    def _opened(self, step: Open) -> Reply:
        self._stream.close()
        response = self._stream.enter_context(self._http.stream(**step.options()))
        if response.status_code != httpx.codes.OK:
            return Reply(response.status_code, response.headers, response.read())
        self._lines = response.iter_lines()
        return Reply(response.status_code, response.headers)

    def _sent(self, step: Send) -> Reply:
        until_s = self._clock() + step.left_s
        with self._http.stream(**step.options()) as response:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if self._clock() > until_s:
                    raise step.still_trickling()
            return Reply(response.status_code, response.headers, bytes(body))
