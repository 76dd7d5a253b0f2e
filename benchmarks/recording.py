"""Measurements on disk: JSON lines, written as runs end, so that hours of work survive an interruption."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.contestants import OURS, TEXTBOOK
from benchmarks.measuring import Measurement, as_json, from_json
from models.constraints import Backend
from placement.backends.registry import BACKENDS

ROOT = Path(__file__).parents[1]


def machine() -> dict[str, Any]:
    """Where and what is measured: figures without this mean little."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "backends": [BACKENDS[Backend(name)]().version for name in (*OURS, *TEXTBOOK)],
    }


def _commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    asked = [git, "describe", "--always", "--dirty"]
    found = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603 - fixed words
    return found.stdout.strip() or None


def recorded(runs: Iterable[Measurement], file: Path | None) -> Iterator[Measurement]:
    """The runs, each written to the file before it is passed on; the machine comes first."""
    if file is None:
        yield from runs
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lines:
        lines.write(json.dumps({"machine": machine()}) + "\n")
        for run in runs:
            lines.write(json.dumps(as_json(run)) + "\n")
            lines.flush()
            yield run


def read(files: Iterable[Path]) -> list[Measurement]:
    """The measurements of earlier runs, in order; where two measure the same, the later one counts."""
    found: dict[tuple[str, str, int, str], Measurement] = {}
    for file in files:
        for line in file.read_text().splitlines():
            fields = json.loads(line)
            if "machine" not in fields:
                run = from_json(fields)
                found[run.family, run.instance, run.seed, run.contestant] = run
    return list(found.values())
