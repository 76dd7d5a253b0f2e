"""Metrics of one application, in a registry of its own: what is counted, and when others are to say so."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from api.execution.base import Ending, Job, Load
from api.observability.tracing import NoTracing, Tracing

_ANSWER_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SOLVE_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300)
_COMMIT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2)
_COMMIT_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Instruments:
    """Every method may be called from any thread and never raises; all but `exposition` take microseconds."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing or NoTracing()
        """Spans of requests and jobs; off unless given."""
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "placement_http_requests",
            "Answers, by route template ('other' for files and for paths of no endpoint), method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "placement_http_request_seconds",
            "From the request's head to the first byte of its answer, solving included.",
            ("route",),
            buckets=_ANSWER_S,
            registry=registry,
        )
        self.in_progress = Gauge(
            "placement_http_requests_in_progress", "Requests in hand, streams included.", registry=registry
        )
        self._rejected = Counter(
            "placement_rejected", "Requests answered with a problem, by its slug.", ("reason",), registry=registry
        )
        self._queue_seconds = Histogram(
            "placement_queue_seconds",
            "How long jobs waited for a solver process.",
            ("kind",),
            buckets=_SOLVE_S,
            registry=registry,
        )
        self._solve_seconds = Histogram(
            "placement_solve_seconds",
            "How long solver processes worked on a job, by backend and by the status of the answer.",
            ("kind", "backend", "status"),
            buckets=_SOLVE_S,
            registry=registry,
        )
        self._lookups = Counter(
            "placement_cache_lookups",
            "Requests looked up among proven plans, by result: hit or miss.",
            ("result",),
            registry=registry,
        )
        self._incumbents = Counter(
            "placement_incumbents", "Better plans that solver processes reported on their way.", registry=registry
        )
        self._commit_seconds = Histogram(
            "placement_store_commit_seconds",
            "Duration of one commit of the store, which may hold the writes of many requests.",
            buckets=_COMMIT_S,
            registry=registry,
        )
        self._commit_rows = Histogram(
            "placement_store_commit_writes", "Writes in one commit.", buckets=_COMMIT_ROWS, registry=registry
        )
        Gauge("placement_build_info", "Always 1; what runs.", ("version", "python"), registry=registry).labels(
            _version(), platform.python_version()
        ).set(1)
        ProcessCollector(registry=registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """One HTTP exchange; `route` is a template such as /plans/{plan_id}, never a caller's path."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """A request ended as a problem; `reason` is the slug of its type."""
        self._rejected.labels(reason).inc()

    def job_ended(self, job: Job, ending: Ending, status: str, backend: str) -> None:
        """A job left the executor.

        `status` is the answer's, or the outcome when there is none; `backend` its solver's, "" for work without one.
        """
        self._queue_seconds.labels(job.kind).observe(ending.queue_seconds)
        self._solve_seconds.labels(job.kind, backend, status).observe(ending.solve_seconds)
        self.tracing.job_ended(job.traceparent, job.id, status, ending.queue_seconds, ending.solve_seconds)

    def looked_up(self, *, hit: bool) -> None:
        """A request was sought among the proven plans."""
        self._lookups.labels("hit" if hit else "miss").inc()

    def incumbent(self) -> None:
        """A solver process reported a better plan."""
        self._incumbents.inc()

    def committed(self, seconds: float, writes: int) -> None:
        """The store made `writes` durable in one transaction."""
        self._commit_seconds.observe(seconds)
        self._commit_rows.observe(writes)

    def watch(self, load: Callable[[], Load]) -> None:
        """Read the executor's load at every scrape; call once."""
        self._registry.register(_LoadCollector(load))

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def families(self) -> Iterable[Metric]:
        """All metrics, for whoever checks their names."""
        return self._registry.collect()


@contextmanager
def served_load(load: Callable[[], Load], port: int, host: str) -> Iterator[int]:
    """Serve this process's load, memory and processor time to Prometheus, from a thread, while the context lasts.

    For workers, which serve nothing else. Yields the port; raises OSError where it is taken.
    """
    registry = CollectorRegistry()
    registry.register(_LoadCollector(load))
    ProcessCollector(registry=registry)
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _LoadCollector(Collector):
    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> Iterable[Metric]:
        load = self._load()
        yield GaugeMetricFamily("placement_slots", "Plans that can be solved at the same time.", value=load.slots)
        yield GaugeMetricFamily("placement_slots_busy", "Plans that are being solved.", value=load.busy)
        yield GaugeMetricFamily("placement_jobs_queued", "Plans that wait for a solver process.", value=load.queued)
        yield GaugeMetricFamily(
            "placement_recent_solve_seconds", "Mean duration of the recent solves.", value=load.recent_solve_seconds
        )
        yield CounterMetricFamily(
            "placement_workers_respawned", "Solver processes that died or were killed.", value=load.respawned
        )


def _version() -> str:
    try:
        return version("layer-placement")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
