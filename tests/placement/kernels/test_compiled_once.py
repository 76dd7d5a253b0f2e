"""Kernels are compiled for one kind of arguments: a second one would make some request wait for the compiler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_requests_of_all_kinds_call_every_kernel_with_the_same_types() -> None:
    """In a process of its own, since tests may call kernels in ways of their own."""
    module = "tests.placement.kernels.every_kind"
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    count = json.loads(done.stdout)
    assert {"set_labels", "raise_bound", "sweep_backward", "least_peak", "cheapest_walk"} <= set(count)
    assert {name: times for name, times in count.items() if times != 1} == {}
