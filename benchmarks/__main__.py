"""`python -m benchmarks`: measure, print Markdown on standard output, progress on standard error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import contestants, guard
from benchmarks.families import NAMES, Size
from benchmarks.measuring import Measurement
from benchmarks.recording import machine, read, recorded
from benchmarks.stints import SELECTIONS, Changes, run
from benchmarks.summary import disagreements
from benchmarks.tables import progress_line, report
from benchmarks.target_table import target_table
from benchmarks.targets import SEEDS, TIME_LIMIT_S, Target, first_request_line, measure_targets

TARGET = "target"


@dataclass(frozen=True)
class Settings:
    """What to run and where to leave it."""

    selection: str
    changes: Changes
    renew_guard: bool
    json_file: Path | None
    earlier: tuple[Path, ...]
    plots: Path | None


def settings_of(arguments: Sequence[str]) -> Settings:
    """The command line: a selection, which the other options change."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="every family once, small, at most 5 s per run")
    extent.add_argument("--full", action="store_true", help="every family at every size, everyone on it: hours")
    extent.add_argument("--growth", action="store_true", help="time to the proof over layers and over nodes")
    extent.add_argument("--target", action="store_true", help="the table of targets, 10 seeds each, backend auto")
    extent.add_argument("--renew-guard", action="store_true", help="write the ceilings of counted work anew")
    parser.add_argument("--families", nargs="+", choices=NAMES, metavar="FAMILY", help=", ".join(NAMES))
    parser.add_argument("--sizes", nargs="+", type=Size.parse, metavar="LxN", help="layers x nodes, such as 32x8")
    parser.add_argument(
        "--contestants", nargs="+", choices=contestants.NAMES, metavar="NAME", help=", ".join(contestants.NAMES)
    )
    parser.add_argument("--seeds", type=int, help="how many, from 0 (default 3; target 10; quick 1)")
    parser.add_argument("--textbook-seeds", type=int, help="the same for textbook formulations (default 1; full 3)")
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds per run (default 60; quick 5)")
    parser.add_argument("--textbook-time-limit", type=float, metavar="S", help="the same for textbook formulations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there, a line each")
    parser.add_argument("--from", nargs="+", type=Path, default=[], dest="earlier", metavar="FILE",
                        help="measure nothing, report what such files hold")  # fmt: skip
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw SVG files there")
    given = parser.parse_args(arguments)
    selection = next((name for name in (*SELECTIONS, TARGET) if getattr(given, name, False)), "default")
    changes = Changes(
        families=None if given.families is None else tuple(given.families),
        sizes=None if given.sizes is None else tuple(given.sizes),
        contestants=None if given.contestants is None else tuple(given.contestants),
        seeds=given.seeds,
        textbook_seeds=given.textbook_seeds,
        time_limit_s=given.time_limit,
        textbook_time_limit_s=given.textbook_time_limit,
    )
    return Settings(selection, changes, given.renew_guard, given.json, tuple(given.earlier), given.plots)


def measured(settings: Settings) -> Iterator[Measurement]:
    """Every run that the settings ask for."""
    changes = settings.changes
    if settings.selection != TARGET:
        return run(changes.applied(SELECTIONS[settings.selection]()))

    def wanted(target: Target) -> bool:
        family = changes.families is None or target.family in changes.families
        return family and (changes.sizes is None or target.size in changes.sizes)

    return measure_targets(wanted, changes.seeds or SEEDS, changes.time_limit_s or TIME_LIMIT_S)


def heading() -> str:
    """On what it was run."""
    where = machine()
    versions = "; ".join(dict.fromkeys(where["backends"]))
    return (
        f"# Benchmarks\n\n{where['system']}, {where['cores']} cores, load {where['load_average']} at the end (ours "
        f"included), Python {where['python']}, {versions}; commit {where['commit']}.\nTimes are medians over the "
        "seeds.\n\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where two proofs differ or a run gave no answer, else 0."""
    settings = settings_of(sys.argv[1:] if arguments is None else arguments)
    if settings.renew_guard:
        sys.stdout.write(guard.renew())
        return 0
    runs = read(settings.earlier)
    if not settings.earlier:
        for latest in recorded(measured(settings), settings.json_file):
            sys.stderr.write(progress_line(latest) + "\n")
            sys.stderr.flush()
            runs.append(latest)
        sys.stdout.write(heading())
    if settings.selection == TARGET:
        sys.stdout.write(target_table(runs))
        if not settings.earlier and settings.changes.families is None:
            sys.stdout.write(f"\n{first_request_line()}\n")
    else:
        sys.stdout.write(report(runs))
    if settings.plots is not None:
        from benchmarks.plots import draw  # noqa: PLC0415 - matplotlib is needed for plots only

        for file in draw(runs, settings.plots):
            sys.stderr.write(f"{file}\n")
    return int(bool(disagreements(runs)) or any(each.error is not None for each in runs))


if __name__ == "__main__":
    sys.exit(main())
