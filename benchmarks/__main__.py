"""`python -m benchmarks`: measure, print Markdown on standard output, progress on standard error."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.families import LARGE, NAMES, SMALL, Size, cases
from benchmarks.measuring import Measurement, measure_apart
from benchmarks.summary import disagreements
from benchmarks.tables import progress_line, report
from models.constraints import Backend
from placement.backends.registry import BACKENDS

OURS = (Backend.MILP, Backend.CP_SAT)
REFERENCES = (Backend.REFERENCE_MILP, Backend.REFERENCE_CP_SAT)


@dataclass(frozen=True)
class Settings:
    """What to run."""

    families: tuple[str, ...]
    sizes: tuple[Size, ...] | None
    seeds: int
    reference_seeds: int
    time_limit_s: float
    reference_time_limit_s: float
    backends: tuple[Backend, ...]
    json_file: Path | None


def settings_of(arguments: Sequence[str]) -> Settings:
    """The command line; --quick and --full choose sizes and seeds, which the other options override."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="16x4 only, one seed, at most 5 s per run")
    extent.add_argument("--full", action="store_true", help="every family up to 80x16, references on every seed: hours")
    parser.add_argument("--families", nargs="+", choices=NAMES, default=NAMES, metavar="FAMILY", help=", ".join(NAMES))
    parser.add_argument("--sizes", nargs="+", type=Size.parse, metavar="LxN", help="layers x nodes, such as 32x8")
    parser.add_argument("--seeds", type=int, help="how many seeds, from 0 (default 3; quick 1)")
    parser.add_argument("--reference-seeds", type=int, help="of these, how many for references (default 1; full all)")
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds per run (default 20; quick 5)")
    parser.add_argument(
        "--reference-time-limit", type=float, metavar="S", help="the same for references (default 10; quick 5; full 20)"
    )
    parser.add_argument(
        "--backends", nargs="+", choices=[backend.value for backend in Backend], metavar="BACKEND",
        help="default milp cp_sat reference_milp reference_cp_sat",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    given = parser.parse_args(arguments)
    seeds = given.seeds or (1 if given.quick else 3)
    sizes = SMALL if given.quick else LARGE if given.full else None
    limit_s, reference_limit_s = (5.0, 5.0) if given.quick else (20.0, 20.0) if given.full else (20.0, 10.0)
    return Settings(
        families=tuple(given.families),
        sizes=tuple(given.sizes) if given.sizes else sizes,
        seeds=seeds,
        reference_seeds=(seeds if given.full else 1) if given.reference_seeds is None else given.reference_seeds,
        time_limit_s=given.time_limit or limit_s,
        reference_time_limit_s=given.reference_time_limit or reference_limit_s,
        backends=tuple(map(Backend, given.backends)) if given.backends else (*OURS, *REFERENCES),
        json_file=given.json,
    )


def run(settings: Settings) -> list[Measurement]:
    """Everything that the settings ask for; all backends on one instance in turn, so that they meet the same noise."""
    runs = []
    for case in cases(settings.families, settings.sizes, settings.seeds):
        for backend in settings.backends:
            reference = backend in REFERENCES
            if reference and case.seed >= settings.reference_seeds:
                continue
            limit_s = settings.reference_time_limit_s if reference else settings.time_limit_s
            runs.append(measure_apart(case, backend, limit_s))
            sys.stderr.write(progress_line(runs[-1]) + "\n")
            sys.stderr.flush()
    return runs


def machine() -> dict[str, Any]:
    """Where it ran: figures without this mean little."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "backends": {backend.value: BACKENDS[backend]().version for backend in (*OURS, *REFERENCES)},
    }


def heading(settings: Settings, before: dict[str, Any], after: dict[str, Any]) -> str:
    """What was run, and on what."""
    versions = "; ".join(dict.fromkeys(before["backends"].values()))
    loads = " to ".join(f"{state['load_average'][0]:.1f}" for state in (before, after))
    return (
        f"# Benchmarks\n\n{before['system']}, {before['cores']} cores, load {loads} (ours included), "
        f"Python {before['python']}, {versions}.\n"
        f"Seeds: {settings.seeds}, of which references {settings.reference_seeds}; at most {settings.time_limit_s:g} s "
        f"per run ({settings.reference_time_limit_s:g} s for references). Times are medians over the seeds.\n\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where two proofs differ or a run gave no answer, else 0."""
    settings = settings_of(sys.argv[1:] if arguments is None else arguments)
    before = machine()
    runs = run(settings)
    after = machine()
    sys.stdout.write(heading(settings, before, after) + report(runs))
    if settings.json_file is not None:
        answer = {"before": before, "after": after, "measurements": [asdict(measured) for measured in runs]}
        settings.json_file.write_text(json.dumps(answer, indent=1) + "\n")
    return int(bool(disagreements(runs)) or any(measured.error is not None for measured in runs))


if __name__ == "__main__":
    sys.exit(main())
