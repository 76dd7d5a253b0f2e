"""Measures a node in a process of its own, and makes a piece of a request of what it reports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

from api.measuring.node import REPORT, Wish
from api.measuring.node_report import NodeMeasurement, NodeReport, PowerReport
from models.catalogue import DeviceEntry
from models.cluster import Node, NodeKind

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What OpenMP and the usual BLAS libraries read when they are loaded."""

_MODULE = "api.measuring.node"


class NodeFault(Exception):
    """The node cannot be measured; the message says why."""


def measured(wish: Wish, on_progress: Callable[[str], None] = lambda _: None) -> NodeReport:
    """The report of a process that does what `wish` says. Raises `NodeFault`; kills the process if interrupted."""
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(  # noqa: S603 - this interpreter, this package
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(wish.threads),
            text=True,
        )
        with child:
            try:
                assert child.stdin is not None
                assert child.stdout is not None
                child.stdin.write(wish.model_dump_json())
                child.stdin.close()
                for line in child.stdout:
                    if line.startswith(REPORT):
                        return NodeReport.model_validate_json(line.removeprefix(REPORT))
                    on_progress(line.strip())
            except BaseException:
                child.kill()
                raise
        complaints.seek(0)
        raise NodeFault(_why(child.returncode, complaints.read().decode(errors="replace")))


def _environment(threads: int) -> dict[str, str]:
    """As here, with the number of threads, and the same places to import from."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return os.environ | dict.fromkeys(_THREADS, str(threads)) | {"PYTHONPATH": path}


def _why(code: int, complaints: str) -> str:
    if code == -9:
        return "the measuring process was killed, most likely for want of memory"
    lines = complaints.strip().splitlines()
    return f"the measuring process ended with code {code}: {lines[-1] if lines else 'it said nothing'}"


def node_of(
    report: NodeReport, node_id: str, kind: NodeKind | None = None, device: DeviceEntry | None = None
) -> NodeMeasurement:
    """The piece of a request; power that the machine does not tell is the catalogue's, if a device is given."""
    power, notes = report.power, list(report.notes)
    if power is None and device is not None:
        power = _catalogue_power(device)
        if power is None:
            notes.append(f"power: neither the machine nor the catalogue's {device.id} tells it")
        else:
            notes.append(f"power is not measured: it is the catalogue's of {device.id}")
    if power is None:
        notes.append("idle_power_w and busy_power_w are left out and count as 0 W: do not plan for energy with this")
    elif report.power is not None:
        notes.append(f"power is that of {power.sees}, as {power.source} tells it; the rest of the machine is not in it")
    watts = {}
    if power is not None:
        if power.busy_power_w < power.idle_power_w:
            notes.append("the meters read less at work than in rest: busy_power_w is set to idle_power_w")
        busy_w = max(power.busy_power_w, power.idle_power_w)
        watts = {"idle_power_w": power.idle_power_w, "busy_power_w": busy_w}
    bandwidth = next(each for each in report.bandwidths if each.kernel == "triad")
    return NodeMeasurement(
        node=Node(
            id=node_id,
            kind=kind or (NodeKind.EDGE if device is None else device.kind),
            compute_flops_per_s=report.rates[0].sustained_flops_per_s.median,
            memory_bytes=float(report.memory.available_bytes),
            memory_bandwidth_bytes_per_s=bandwidth.bytes_per_s.median,
            layer_overhead_s=report.overhead.seconds.median,
            **watts,
        ),
        report=report.model_copy(update={"power": power, "notes": tuple(notes)}),
    )


def _catalogue_power(device: DeviceEntry) -> PowerReport | None:
    if device.idle_power_w is None or device.busy_power_w is None:
        return None
    return PowerReport(
        idle_power_w=device.idle_power_w.value,
        busy_power_w=device.busy_power_w.value,
        source=f"catalogue: {device.id}",
        sees="the device, as the catalogue says",
        samples=0,
    )
