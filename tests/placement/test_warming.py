"""After the warm-up no request of any kind waits for the compiler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Of a process of its own, in which no other test has called a kernel."""
    command = [sys.executable, "-m", "tests.placement.warmed_process"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_warm_up_says_which_kernels_it_made_ready(report: dict[str, Any]) -> None:
    assert {"subgradient.raise_bound", "setting.set_labels", "sweeps.sweep_backward"} <= set(report["done"])


def test_warm_up_leaves_no_kernel_out(report: dict[str, Any]) -> None:
    assert report["cold"] == []


def test_requests_of_all_kinds_bring_no_kernel_a_kind_of_arguments_that_the_warm_up_did_not(
    report: dict[str, Any],
) -> None:
    assert report["added"] == {}


def test_a_second_warm_up_has_nothing_to_do(report: dict[str, Any]) -> None:
    assert report["done_again"] == []
