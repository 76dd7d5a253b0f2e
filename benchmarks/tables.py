"""Measurements as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.families import EXAMPLES, TITLES
from benchmarks.measuring import Measurement
from benchmarks.summary import TARGET_S, Cell, Ratio, cells, disagreements, ratios, simple_rules, target

Row = tuple[str, ...]
UNKNOWN = "-"


def report(runs: list[Measurement]) -> str:
    """All tables that the runs give rise to."""
    sections = [
        ("Time to the proof", _families(cells(runs))),
        ("32 layers on 8 nodes", _target(target(runs))),
        ("Textbook formulations against ours", _ratios(list(ratios(runs)))),
        ("Simple rules against the optimum", _rules(runs)),
        ("Do the backends agree?", _agreement(runs)),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections if text) + "\n"


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; all but the first column to the right."""
    marks = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


def _families(found: list[Cell]) -> str:
    parts = []
    for family in dict.fromkeys(cell.family for cell in found):
        rows = [_cell(cell) for cell in found if cell.family == family]
        head = ("instance, backend", "proven", "solver s", "slowest", "request s", "CPU s", "gap at limit", "peak MiB")
        parts.append(f"**{family}**: {TITLES[family]}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _cell(cell: Cell) -> Row:
    proven = f"{cell.proven}/{len(cell.runs)}"
    if cell.failed:
        proven += f" ({cell.failed} failed)"
    return (
        f"{cell.instance} {cell.backend}",
        proven,
        seconds(cell.median_solve_s),
        seconds(cell.slowest_solve_s),
        seconds(cell.median_request_s),
        seconds(cell.median_cpu_s),
        percent(cell.widest_gap),
        UNKNOWN if cell.peak_bytes is None else f"{cell.peak_bytes / 2**20:.0f}",
    )


def _target(found: list[Cell]) -> str:
    if not found:
        return ""
    head = (
        "objective, backend",
        "proven",
        "solver s",
        "slowest",
        "request s",
        "slowest",
        "CPU s",
        "most",
        f"within {TARGET_S:g} s",
    )
    return table(head, (_target_row(cell) for cell in found))


def _target_row(cell: Cell) -> Row:
    within = sum(run.proven and (run.request_s or 0.0) <= TARGET_S for run in cell.runs)
    return (
        f"{cell.family} {cell.backend}",
        f"{cell.proven}/{len(cell.runs)}",
        seconds(cell.median_solve_s),
        seconds(cell.slowest_solve_s),
        seconds(cell.median_request_s),
        seconds(cell.slowest_request_s),
        seconds(cell.median_cpu_s),
        seconds(cell.most_cpu_s),
        f"{within}/{len(cell.runs)}",
    )


def _ratios(found: list[Ratio]) -> str:
    if not found:
        return ""
    head = ("family, instance", "textbook / ours", "ratio of solver s", "textbook proven", "ours proven")
    return table(head, (_ratio(ratio) for ratio in found))


def _ratio(ratio: Ratio) -> Row:
    text = f"{ratio.median:.2f}" if ratio.median < 1 else f"{ratio.median:.1f}"
    if ratio.is_floor:
        text = f">= {text}"
    return (
        f"{ratio.family} {ratio.instance}",
        f"{ratio.reference} / {ratio.ours}",
        text if ratio.is_comparable else f"ours unproven ({text})",
        f"{ratio.reference_proven}/{ratio.seeds}",
        f"{ratio.ours_proven}/{ratio.seeds}",
    )


def _rules(runs: list[Measurement]) -> str:
    found = list(simple_rules(runs))
    names = list(dict.fromkeys(row.rule for row in found))
    by_family = {(row.family, row.rule): row for row in found}
    rows = []
    for family in dict.fromkeys(row.family for row in found):
        texts = []
        for name in names:
            row = by_family.get((family, name))
            if row is None or not row.seeds:
                texts.append(UNKNOWN)
            elif row.median is None:
                texts.append(f"never fits (0/{row.seeds})")
            else:
                texts.append(f"+{row.median * 100:.0f} % ({row.feasible}/{row.seeds})")
        rows.append((family, *texts))
    return table(("family", *names), rows) if rows else ""


def _agreement(runs: list[Measurement]) -> str:
    found = disagreements(runs)
    errors = [
        f"{run.family} {run.instance} seed {run.seed} {run.backend}: {run.error}"
        for run in runs if run.error is not None
    ]  # fmt: skip
    proven = sum(run.proven for run in runs)
    what = f"{proven} of {len(runs)} runs are proven; no two proofs of one instance differ."
    if found:
        what = "They do NOT:\n\n" + "\n".join(f"- {text}" for text in found)
    if errors:
        what += "\n\nRuns without an answer:\n\n" + "\n".join(f"- {text}" for text in errors)
    return what


def seconds(value: float | None) -> str:
    """Two or three significant digits, enough for figures that vary by a tenth."""
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def percent(value: float | None) -> str:
    """A share of one as per cent."""
    return UNKNOWN if value is None else f"{value * 100:.2g} %"


def progress_line(run: Measurement) -> str:
    """One run on one line, as it ends."""
    where = f"{run.family} {run.instance}" + ("" if run.family == EXAMPLES else f" seed {run.seed}")
    if run.error is not None:
        return f"{where} {run.backend}: {run.error}"
    gap = "" if run.proven else f", gap {percent(run.gap)}"
    return f"{where} {run.backend}: {run.status} in {seconds(run.solve_s)} s, request {seconds(run.request_s)} s{gap}"
