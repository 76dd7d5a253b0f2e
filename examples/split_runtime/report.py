"""Predicted against measured, as text."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from examples.split_runtime.job import Job, Kind, Measured, NodeReport, TrainingWork
from examples.split_runtime.privacy import leaks
from models.plan import Evaluation


def told(job: Job, measured: Measured, predicted: Evaluation | None = None) -> str:
    """Lines for people."""
    return "\n".join((*_times(job, measured, predicted), *_nodes(measured, predicted), *_links(job, measured), ""))


def of_one_node(job: Job, report: NodeReport) -> str:
    """What one node of several machines saw; clocks differ, so times are this node's own."""
    stages = ", ".join(f"{stage.first}..{stage.stop}" for stage in job.stages if stage.node == report.node)
    lines = [f"{report.node}: layers {stages or 'none'}"]
    for start, end, busy in zip(report.started_s, report.ended_s, report.busy_s, strict=True):
        lines.append(f"{end - start:.4f} s, computing for {busy:.4f} s")
    if report.losses:
        lines.append("losses " + " ".join(f"{loss:.4f}" for loss in report.losses))
    lines += ["tokens " + " ".join(map(str, row)) for request in report.tokens[-1:] for row in request]
    for crossing in report.crossings:
        shape = " x ".join(map(str, crossing.shape))
        lines.append(f"sent to {crossing.target}: {crossing.count} {crossing.kind.value}s of {shape} {crossing.dtype}")
    if report.node == job.source:
        lines += leaks(report.crossings, job.source) or (f"neither raw tokens nor labels left {job.source}",)
    return "\n".join((*lines, ""))


def _times(job: Job, measured: Measured, predicted: Evaluation | None) -> Iterator[str]:
    what = "iteration" if isinstance(job.work, TrainingWork) else "request"
    seconds = median(measured.seconds)
    each = ", ".join(f"{value:.4f}" for value in measured.seconds)
    yield f"measured   {seconds:.4f} s per {what} (median of {each})"
    if predicted is not None and predicted.simulated is not None:
        foretold = predicted.simulated.latency_s
        yield f"predicted  {foretold:.4f} s, {100 * (foretold / seconds - 1):+.1f} % of the measured time"
    if measured.losses:
        yield "losses     " + " ".join(f"{loss:.4f}" for loss in measured.losses)
    for number, request in enumerate(measured.tokens[-1:]):
        for row in request:
            yield f"tokens {number}   " + " ".join(map(str, row))


def _nodes(measured: Measured, predicted: Evaluation | None) -> Iterator[str]:
    yield ""
    yield "node            busy   utilisation   predicted busy"
    seconds = median(measured.seconds)
    foretold = {node.id: node.busy_s for node in predicted.nodes} if predicted is not None else {}
    for name, busy_s in measured.busy_s.items():
        said = f"{foretold[name]:.4f} s" if name in foretold else ""
        yield f"{name:12} {busy_s:.4f} s {100 * busy_s / seconds:10.1f} %   {said:>14}"


def _links(job: Job, measured: Measured) -> Iterator[str]:
    yield ""
    for (source, target), kinds in sorted(measured.bytes_by_link().items()):
        carried = ", ".join(f"{kinds[kind]:.0f} B of {kind.value}s" for kind in Kind if kind in kinds)
        yield f"{source} -> {target}: {carried}"
    found = leaks(measured.crossings, job.source)
    yield from found or (f"neither raw tokens nor labels left {job.source}",)
