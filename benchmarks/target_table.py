"""The targets as a Markdown table."""

from __future__ import annotations

from benchmarks.measuring import Measurement
from benchmarks.service import FRONTIER
from benchmarks.summary import largest
from benchmarks.tables import UNKNOWN, mebibytes, percent, seconds, table
from benchmarks.targets import PEAK_BYTES, Row, rows_of

HEAD = ("target", "asked, s", "median, s", "slowest, s", "proven", "gap if unproven", "request, s", "peak MiB",
        "stages", "met")  # fmt: skip


def target_table(runs: list[Measurement]) -> str:
    """One row per target that was measured, and the peak memory of all of them."""
    rows = [row for row in rows_of(runs) if row.runs]
    peak = largest(run.peak_bytes for run in runs)
    verdict = "not measured"
    if peak is not None:
        side = "below" if peak <= PEAK_BYTES else "ABOVE"
        verdict = f"{mebibytes(peak)} MiB, {side} the {mebibytes(PEAK_BYTES)} allowed"
    memory = f"Peak memory of any run: {verdict}."
    return f"{table(HEAD, map(_row, rows))}\n\n{memory}\n"


def _row(row: Row) -> tuple[str, ...]:
    longest = largest(run.solve_s for run in row.runs)
    late = UNKNOWN if longest is None else f"> {seconds(longest)}"
    proven = sum(run.proven for run in row.runs)
    failed = sum(run.error is not None for run in row.runs)
    return (
        row.target.title,
        seconds(row.target.within_s),
        late if row.median_s is None else seconds(row.median_s),
        late if row.slowest_s is None else seconds(row.slowest_s),
        f"{proven}/{len(row.runs)}" + (f" ({failed} failed)" if failed else ""),
        percent(row.widest_gap),
        seconds(row.median_request_s),
        mebibytes(row.peak_bytes),
        _stages(row),
        "yes" if row.is_met else "NO",
    )


def _stages(row: Row) -> str:
    """Stages of the plans and nodes offered; of a frontier, its points."""
    counts = [run.stages for run in row.runs if run.stages is not None]
    if not counts:
        return UNKNOWN
    span = str(counts[0]) if min(counts) == max(counts) else f"{min(counts)}-{max(counts)}"
    if row.target.contestant == FRONTIER:
        return f"{span} points"
    return f"{span} of {row.target.size.nodes}"
