from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.execution.base import Ending, Job, Kind, Load, Outcome
from api.observability.instruments import Instruments, served_load

JOB = Job("plan-1", Kind.PLAN, b"{}", 10.0, "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
ENDING = Ending(Outcome.ANSWERED, b"{}", queue_seconds=0.5, solve_seconds=2.0)


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    """The one sample of this name that has these labels, as Prometheus would read it."""
    families = text_string_to_metric_families(instruments.exposition().decode())
    samples = [sample for family in families for sample in family.samples]
    found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
    return found[0] if found else None


def test_requests_are_counted_by_route_method_and_status():
    instruments = Instruments()
    instruments.answered("/plan", "POST", 200, 0.02)
    instruments.answered("/plan", "POST", 200, 0.2)
    instruments.answered("/plan", "POST", 503, 0.001)
    assert value(instruments, "placement_http_requests_total", route="/plan", status="200") == 2
    assert value(instruments, "placement_http_requests_total", route="/plan", status="503") == 1
    assert value(instruments, "placement_http_request_seconds_bucket", route="/plan", le="0.025") == 2


def test_methods_that_callers_invent_make_one_series():
    instruments = Instruments()
    for method in ("BREW", "WHEN"):
        instruments.answered("other", method, 405, 0.001)
    assert value(instruments, "placement_http_requests_total", method="other") == 2


def test_a_job_leaves_its_waiting_and_its_solving():
    instruments = Instruments()
    instruments.job_ended(JOB, ENDING, "optimal", "labels")
    assert value(instruments, "placement_queue_seconds_sum", kind="plan") == 0.5
    assert value(instruments, "placement_solve_seconds_sum", kind="plan", backend="labels", status="optimal") == 2.0


def test_a_job_is_told_to_the_trace_it_belongs_to():
    told = []

    class Tracing:
        def job_ended(self, *what):
            told.append(what)

    Instruments(Tracing()).job_ended(JOB, ENDING, "optimal", "labels")
    assert told == [(JOB.traceparent, "plan-1", "optimal", 0.5, 2.0)]


def test_everything_else_that_is_counted():
    instruments = Instruments()
    instruments.rejected("busy")
    instruments.looked_up(hit=True)
    instruments.looked_up(hit=False)
    instruments.incumbent()
    instruments.committed(0.004, 7)
    instruments.in_progress.inc()
    assert value(instruments, "placement_rejected_total", reason="busy") == 1
    assert value(instruments, "placement_cache_lookups_total", result="hit") == 1
    assert value(instruments, "placement_cache_lookups_total", result="miss") == 1
    assert value(instruments, "placement_incumbents_total") == 1
    assert value(instruments, "placement_store_commit_seconds_sum") == 0.004
    assert value(instruments, "placement_store_commit_writes_sum") == 7
    assert value(instruments, "placement_http_requests_in_progress") == 1
    assert value(instruments, "placement_build_info") == 1
    assert (value(instruments, "process_resident_memory_bytes") or 0) > 1e6


def test_the_executors_load_is_read_at_each_scrape():
    instruments = Instruments()
    loads = iter([Load(4, 1, 0, 1.0), Load(4, 4, 9, 2.5, respawned=3)])
    instruments.watch(lambda: next(loads))
    assert value(instruments, "placement_slots_busy") == 1
    text = instruments.exposition().decode()
    for line in ("placement_slots 4.0", "placement_slots_busy 4.0", "placement_jobs_queued 9.0",
                 "placement_workers_respawned_total 3.0", "placement_recent_solve_seconds 2.5"):  # fmt: skip
        assert line in text.splitlines()


def test_two_applications_in_one_process_count_apart():
    one, other = Instruments(), Instruments()
    one.incumbent()
    assert value(one, "placement_incumbents_total") == 1
    assert value(other, "placement_incumbents_total") == 0


def test_a_worker_serves_its_own_load_at_a_port_that_nobody_else_has():
    with served_load(lambda: Load(4, 3, 2, 1.0, respawned=1), 0, "127.0.0.1") as port:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", verify=False).text
        with pytest.raises(OSError, match="in use"), served_load(lambda: Load(1, 0, 0, 1.0), port, "127.0.0.1"):
            pass
    for line in ("placement_slots 4.0", "placement_slots_busy 3.0", "placement_workers_respawned_total 1.0"):
        assert line in text
    assert "process_cpu_seconds_total" in text
