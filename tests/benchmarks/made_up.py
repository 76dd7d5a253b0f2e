"""Measurements made up by hand."""

from __future__ import annotations

from benchmarks.measuring import Measurement
from benchmarks.traces import Entry, Trace


def made_up(
    contestant: str,
    seed: int = 0,
    *,
    family: str = "latency",
    size: tuple[int, int] = (32, 8),
    status: str = "optimal",
    solve_s: float = 1.0,
    objective: float | None = 10.0,
    bound: float | None = None,
    kind: str = "latency",
    baselines: tuple[tuple[str, float | None], ...] = (),
    references: tuple[tuple[str, float], ...] = (),
    gap: float = 0.0,
    entries: tuple[Entry, ...] = (),
    refuted: int = 0,
    stages: int | None = 3,
) -> Measurement:
    layers, nodes = size
    return Measurement(
        family, f"{layers}x{nodes}", seed, contestant, layers, nodes, status=status, objective_kind=kind,
        objective=objective, bound=objective if bound is None else bound, gap=gap, solve_s=solve_s,
        request_s=solve_s + 0.5, cpu_s=solve_s, peak_bytes=2**20, stages=stages, baselines=baselines,
        references=references, trace=Trace(entries, refuted),
    )  # fmt: skip
