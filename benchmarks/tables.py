"""Measurements as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.comparison import Quality, Ratio, qualities, time_ratios
from benchmarks.contestants import RULES
from benchmarks.families import EXAMPLES, TITLES
from benchmarks.measuring import Measurement
from benchmarks.summary import Cell, cells, disagreements, milestones, planners, refuted_bounds

Row = tuple[str, ...]
UNKNOWN = "-"


def report(runs: list[Measurement]) -> str:
    """All tables that the runs give rise to."""
    found = planners(cells(runs))
    sections = [
        ("Time to the proof", _families(found)),
        ("Gap over time", _milestones(found)),
        ("Textbook formulations against ours: time", _ratios(list(time_ratios(runs)))),
        ("Other planners' plans: how many times worse", _qualities(list(qualities(runs)))),
        ("Do the contestants agree?", _agreement(runs)),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections if text) + "\n"


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; all but the first column to the right."""
    marks = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


def _families(found: list[Cell]) -> str:
    parts = []
    head = ("instance, backend", "proven", "solver s", "slowest", "request s", "CPU s", "gap at limit", "peak MiB")
    for family in dict.fromkeys(cell.family for cell in found):
        rows = [_cell(cell) for cell in found if cell.family == family]
        parts.append(f"**{family}**: {TITLES[family]}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _cell(cell: Cell) -> Row:
    proven = f"{cell.proven}/{len(cell.runs)}"
    if cell.failed:
        proven += f" ({cell.failed} failed)"
    return (
        f"{cell.instance} {cell.contestant}",
        proven,
        seconds(cell.median_solve_s),
        seconds(cell.slowest_solve_s),
        seconds(cell.median_request_s),
        seconds(cell.median_cpu_s),
        percent(cell.widest_gap),
        mebibytes(cell.peak_bytes),
    )


def _milestones(found: list[Cell]) -> str:
    rows = []
    names: tuple[str, ...] = ()
    for cell in found:
        reached = milestones(cell)
        names = tuple(reached)
        texts = [seconds(stone.seconds) + ("" if stone.reached == stone.runs else f" ({stone.reached}/{stone.runs})")
                 for stone in reached.values()]  # fmt: skip
        if any(stone.reached for stone in reached.values()):
            rows.append((f"{cell.family} {cell.instance} {cell.contestant}", *texts))
    return table(("family, instance, backend", *(f"{name}, s" for name in names)), rows) if rows else ""


def _ratios(found: list[Ratio]) -> str:
    if not found:
        return ""
    head = ("family, instance", "textbook / ours", "ratio of solver s", "least", "textbook proven", "ours proven")
    text = table(head, (_ratio(ratio) for ratio in found))
    slower = [ratio for ratio in found if ratio.is_slower]
    listed = ", ".join(f"{ratio.family} {ratio.instance} ({ratio.contestant})" for ratio in slower)
    return f"{text}\n\nOurs slower on some seed: {listed or 'nowhere'}."


def _ratio(ratio: Ratio) -> Row:
    text = factor(ratio.median)
    if ratio.is_floor:
        text = f">= {text}"
    return (
        f"{ratio.family} {ratio.instance}",
        f"{ratio.contestant} / {ratio.ours}",
        text if ratio.is_comparable else f"ours unproven ({text})",
        factor(ratio.least),
        f"{ratio.proven}/{ratio.seeds}",
        f"{ratio.ours_proven}/{ratio.seeds}",
    )


def _qualities(found: list[Quality]) -> str:
    names = list(dict.fromkeys(quality.contestant for quality in found))
    by_cell = {(quality.family, quality.instance, quality.contestant): quality for quality in found}
    rows = []
    for family, instance in dict.fromkeys((quality.family, quality.instance) for quality in found):
        texts = [_quality(by_cell.get((family, instance, name))) for name in names]
        rows.append((f"{family} {instance}", *texts))
    if not rows:
        return ""
    legend = (
        "Median of (their objective / proven optimum); [time: their solver seconds / ours]; (seeds with a plan that "
        "keeps every rule / seeds); * over our bound, where the optimum is not proven."
    )
    return f"{legend}\n\n{table(('family, instance', *names), rows)}"


def _quality(quality: Quality | None) -> str:
    if quality is None or not quality.seeds:
        return UNKNOWN
    if quality.median is None:
        return f"never fits (0/{quality.seeds})"
    text = f"{quality.median:.3f}" + ("*" if quality.by_bound else "")
    if quality.seconds is not None:
        text += f" [{factor(quality.seconds)}]"
    return text if quality.feasible == quality.seeds else f"{text} ({quality.feasible}/{quality.seeds})"


def _agreement(runs: list[Measurement]) -> str:
    able = [run for run in runs if run.contestant not in RULES]
    proven = sum(run.proven for run in able)
    what = f"{proven} of {len(able)} runs are proven; no two proofs of one instance differ."
    found = disagreements(runs)
    if found:
        what = "They do NOT:\n\n" + _listed(found)
    refuted = list(refuted_bounds(runs))
    if refuted:
        what += "\n\nBounds that were streamed and are wrong:\n\n" + _listed(refuted)
    errors = [
        f"{run.family} {run.instance} seed {run.seed} {run.contestant}: {run.error}"
        for run in runs if run.error is not None
    ]  # fmt: skip
    if errors:
        what += "\n\nRuns without an answer:\n\n" + _listed(errors)
    return what


def _listed(texts: list[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def seconds(value: float | None) -> str:
    """Two or three significant digits, enough for figures that vary by a tenth."""
    if value is None:
        return UNKNOWN
    return (
        f"{value:.4f}"
        if value < 0.01
        else f"{value:.3f}"
        if value < 0.1
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
    )


def factor(value: float) -> str:
    """A ratio: two digits below one, none above a hundred."""
    return f"{value:.2g}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def percent(value: float | None) -> str:
    """A share of one as per cent."""
    return UNKNOWN if value is None else f"{value * 100:.2g} %"


def mebibytes(value: float | None) -> str:
    """Bytes as MiB."""
    return UNKNOWN if value is None else f"{value / 2**20:.0f}"


def progress_line(run: Measurement) -> str:
    """One run on one line, as it ends."""
    where = f"{run.family} {run.instance}" + ("" if run.family == EXAMPLES else f" seed {run.seed}")
    if run.error is not None:
        return f"{where} {run.contestant}: {run.error}"
    gap = "" if run.gap is None or run.proven else f", gap {percent(run.gap)}"
    return (
        f"{where} {run.contestant}: {run.status} in {seconds(run.solve_s)} s, request {seconds(run.request_s)} s{gap}"
    )
