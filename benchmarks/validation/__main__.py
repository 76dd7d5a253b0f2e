"""`python -m benchmarks.validation`: measure, plan, run, compare; tables on standard output, progress on the other."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.recording import machine
from benchmarks.validation import page, record
from benchmarks.validation.record import SettingRun, Validation
from benchmarks.validation.running import Bench, Stopwatch, run_settings
from benchmarks.validation.settings import QUICK, SETTINGS, Setting, find
from benchmarks.validation.targets import targets

MINUTES = 13.5
"""For everything, so that `make validate` stays below fifteen."""
SEED = 20


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    extent = made.add_mutually_exclusive_group()
    names = ", ".join(setting.name for setting in SETTINGS)
    extent.add_argument("--quick", action="store_true", help="one small setting, half a minute")
    extent.add_argument("--settings", nargs="+", type=find, metavar="NAME", help=names)
    made.add_argument("--minutes", type=float, default=MINUTES, help=f"time for everything (default {MINUTES:g})")
    made.add_argument("--seed", type=int, default=SEED, help=f"of random plans and of orders (default {SEED})")
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    made.add_argument("--from", type=Path, dest="earlier", metavar="FILE", help="run nothing, report what FILE holds")
    made.add_argument(
        "--page", type=Path, metavar="FILE", help="put the tables between the marks of that page (all settings)"
    )
    made.add_argument("--plots", type=Path, metavar="FOLDER", help="draw SVG files there (all settings)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where a setting or a plan did not run, else 0; missed targets are a finding, not a failure."""
    given = parser().parse_args(arguments)
    if given.earlier is not None:
        found = record.read(given.earlier)
    else:
        chosen = QUICK if given.quick else tuple(given.settings or SETTINGS)
        found = validate(chosen, given.minutes * 60, given.seed)
    if given.json is not None:
        record.write(found, given.json)
    sys.stdout.write(page.tables(found))
    if given.earlier is not None or not (given.quick or given.settings):
        _publish(found, given.page, given.plots)
    for target in targets(found.settings):
        _tell(f"{'met   ' if target.met else 'MISSED'} {target.title}: {target.found}")
    whole = found.settings and not found.dropped and all(_complete(setting) for setting in found.settings)
    return 0 if whole else 1


def _publish(found: Validation, onto: Path | None, folder: Path | None) -> None:
    plots: list[Path] = []
    if folder is not None:
        from benchmarks.validation.plots import draw  # noqa: PLC0415 - matplotlib is needed for plots only

        plots = draw(found, folder)
    if onto is not None:
        page.write(onto, found, plots)
    for file in (*plots, *(() if onto is None else (onto,))):
        _tell(str(file))


def validate(settings: Sequence[Setting], seconds: float, seed: int) -> Validation:
    """Run the settings on emulated nodes of this machine."""
    from benchmarks.validation.bench import FleetBench  # noqa: PLC0415 - torch is needed to run only

    began = time.monotonic()
    where = _machine()
    with FleetBench(max(len(setting.nodes) for setting in settings)) as bench:
        where["links"] = bench.slowed_by
        return outcome(bench, settings, Stopwatch(time.monotonic, began + seconds), seed, where)


def outcome(
    bench: Bench, settings: Sequence[Setting], watch: Stopwatch, seed: int, where: dict[str, Any]
) -> Validation:
    """Every setting on a bench."""
    began = watch.clock()
    runs, dropped = [], []
    for run in run_settings(bench, settings, watch, seed, _tell):
        if isinstance(run, SettingRun):
            runs.append(run)
        else:
            _tell(f"{run}: dropped, no time is left")
            dropped.append(run)
    return Validation(where, watch.clock() - began, tuple(runs), tuple(dropped))


def _complete(setting: SettingRun) -> bool:
    return bool(setting.plans) and not any(plan.errors for plan in setting.plans)


def _machine() -> dict[str, Any]:
    import torch  # noqa: PLC0415 - the report of an earlier run needs none

    found = machine()
    del found["backends"]
    return {
        **found,
        "load_average": os.getloadavg()[0],
        "processor": _processor(),
        "torch": torch.__version__,
        "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown processor")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
