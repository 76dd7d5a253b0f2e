"""The tables of docs/validation.md, between its markers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.tables import UNKNOWN, table
from benchmarks.validation.inputs import megabits
from benchmarks.validation.record import PlanRun, SettingRun, Validation
from benchmarks.validation.statistics import Verdict, kendall, median, quantile, spearman
from benchmarks.validation.targets import leads, standing, targets, used_most

BEGIN = "<!-- measured: begin (make validate writes what stands between these marks) -->"
END = "<!-- measured: end -->"


def write(page: Path, validation: Validation, plots: Sequence[Path] = ()) -> None:
    """Put the tables, and the plots below the targets, between the page's marks. Raises ValueError where it lacks them.

    plots: SVG files in a folder beside the page.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: lacks the marks between which the tables stand")
    shown = [f"![{plot.stem.replace('-', ' ')}]({plot.parent.name}/{plot.name})" for plot in plots]
    page.write_text(f"{before}{BEGIN}\n\n{tables(validation, shown)}\n{END}{after}")


def tables(validation: Validation, shown: Sequence[str] = ()) -> str:
    """Every table, as Markdown; what is `shown` follows the targets."""
    settings = validation.settings
    parts = [
        _where(validation),
        "### Targets",
        _targets(settings),
        *shown,
        "### Settings",
        _settings(settings),
        "### Plans",
        _plans(settings),
        "### Utilisation",
        _utilisation(settings),
        "### Bytes on links",
        _links(settings),
        "### What was measured first",
        _inputs(settings),
    ]
    remarks = list(_remarks(validation))
    if remarks:
        parts += ["### Remarks", "\n".join(f"- {remark}" for remark in remarks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _where(validation: Validation) -> str:
    machine = validation.machine
    return (
        f"Measured on {machine['system']}, {machine['cores']} cores ({machine['processor']}), Python "
        f"{machine['python']}, torch {machine['torch']}, links by {machine['links']}; commit {machine['commit']}, "
        f"{machine['started']}; load average before the start {machine['load_average']:.2f}. "
        f"It took {validation.took_s / 60:.1f} minutes for {len(validation.settings)} settings."
    )


def _targets(settings: Sequence[SettingRun]) -> str:
    rows = [(target.title, target.found, "met" if target.met else "MISSED") for target in targets(settings)]
    return table(("target", "found", ""), rows) if rows else "Nothing ran."


def _settings(settings: Sequence[SettingRun]) -> str:
    head = ("setting", "what", "plans", "median error", "p90 error", "Spearman", "Kendall", "planner's plan",
            "layer times after / before", "took, s")  # fmt: skip
    return table(head, [_setting(setting) for setting in settings])


def _setting(setting: SettingRun) -> tuple[str, ...]:
    ran = setting.ran
    if not ran:
        return (setting.name, setting.title, "0", *(UNKNOWN for _ in range(6)), f"{setting.took_s:.0f}")
    errors = [abs(plan.error) for plan in ran]
    predicted, measured = [plan.predicted_s for plan in ran], [plan.measured_s for plan in ran]
    return (
        setting.name,
        setting.title,
        str(len(ran)),
        f"{median(errors):.1%}",
        f"{quantile(errors, 0.9):.1%}",
        _correlation(spearman(predicted, measured)),
        _correlation(kendall(predicted, measured)),
        verdict(setting),
        UNKNOWN if setting.drift is None else f"{setting.drift:.3f}",
        f"{setting.took_s:.0f}",
    )


def verdict(setting: SettingRun) -> str:
    """How the planner's plan stands, in words."""
    found = standing(setting)
    if found is None:
        return UNKNOWN
    if found is Verdict.TIED:
        return "fastest, tied" if leads(setting) else "tied with the fastest"
    return "fastest" if found is Verdict.FASTER else "SLOWER"


def _correlation(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _plans(settings: Sequence[SettingRun]) -> str:
    head = ("setting, plan", "predicted, s", "measured, s", "error", "iterations", "fastest to slowest, s", "stages")
    rows = [_plan(setting, plan) for setting in settings for plan in setting.plans]
    return table(head, rows)


def _plan(setting: SettingRun, plan: PlanRun) -> tuple[str, ...]:
    stages = ", ".join(f"{cut.node} {cut.first_layer}..{cut.stop_layer}" for cut in plan.candidate.stages)
    name = f"{setting.name} {plan.name}"
    if not plan.rounds:
        return (name, f"{plan.predicted_s:.3f}", "failed", UNKNOWN, "0", UNKNOWN, stages)
    seconds = plan.seconds
    return (
        name,
        f"{plan.predicted_s:.3f}",
        f"{plan.measured_s:.3f}",
        f"{plan.error:+.1%}",
        str(len(seconds)),
        f"{min(seconds):.3f} to {max(seconds):.3f}",
        stages,
    )


def _utilisation(settings: Sequence[SettingRun]) -> str:
    head = ("setting, plan", "busy share per node, predicted / measured", "mean, predicted", "mean, measured",
            "capacity used, measured")  # fmt: skip
    rows = []
    for setting in settings:
        for plan in setting.ran:
            busy = plan.busy_s()
            mean_s = sum(plan.seconds) / len(plan.seconds)
            nodes = ", ".join(
                f"{node} {predicted_s / plan.predicted_s:.0%} / {busy.get(node, 0.0) / mean_s:.0%}"
                for node, predicted_s in plan.predicted_busy_s().items()
            )
            rows.append(
                (
                    f"{setting.name} {plan.name}",
                    nodes,
                    f"{plan.predicted_utilisation():.1%}",
                    f"{plan.utilisation():.1%}",
                    f"{plan.capacity_used(setting.shares):.1%}",
                )
            )
    below = [setting.name for setting in settings if used_most(setting, PlanRun.utilisation) is False]
    where = f"\n\nSome baseline's mean is higher in: {', '.join(below)}." if below else ""
    return table(head, rows) + where


def _links(settings: Sequence[SettingRun]) -> str:
    """Only the planner's plans in full; of the others the largest deviation."""
    rows = []
    worst = 0.0
    for setting in settings:
        for plan in setting.ran:
            counted = plan.link_bytes()
            predicted = plan.candidate.forecast.link_bytes
            names = sorted(counted.keys() | predicted.keys())
            for name in names:
                said, seen = predicted.get(name, 0.0), counted.get(name, 0.0)
                if said > 0:
                    worst = max(worst, abs(seen / said - 1.0))
                if plan is setting.optimal:
                    deviation = f"{seen / said - 1.0:+.2%}" if said > 0 else "not predicted"
                    words = name.replace(">", " to ")
                    rows.append((f"{setting.name} {words}", f"{said:,.0f}", f"{seen:,.0f}", deviation))
    head = ("setting, link (planner's plan)", "predicted, bytes", "counted, bytes", "counted against predicted")
    text = f"Per iteration or request. Largest deviation on any link of any plan: {worst:.2%}."
    return f"{text}\n\n{table(head, rows)}"


def _inputs(settings: Sequence[SettingRun]) -> str:
    rows = []
    for setting in settings:
        if setting.measured is None:
            continue
        for node, layers in setting.measured.layers.items():
            middle = layers[len(layers) // 2]
            backward = middle.backward if middle.backward is not None else middle.decode
            sent = [link for link in setting.measured.links if link.source == node]
            rates = ", ".join(f"{megabits(link.bandwidth_bits_per_s):.0f}" for link in sent)
            latencies = [link.latency_s for link in sent]
            rows.append(
                (
                    f"{setting.name} {node}",
                    f"{setting.shares[node]:.2f}",
                    f"{middle.forward * 1e3:.1f}",
                    UNKNOWN if backward is None else f"{backward * 1e3:.1f}",
                    rates,
                    f"{max(latencies) * 1e3:.2f}" if latencies else UNKNOWN,
                )
            )
    head = ("setting, node", "share of a core", "block forward, ms", "block backward (inference: decode), ms",
            "links to the others, Mbit/s", "longest latency, ms")  # fmt: skip
    return table(head, rows)


def _remarks(validation: Validation) -> Iterator[str]:
    for name in validation.dropped:
        yield f"{name}: dropped, no time was left"
    for setting in validation.settings:
        if setting.error is not None:
            yield f"{setting.name}: {setting.error}"
        if setting.plans and not setting.proven:
            yield f"{setting.name}: the planner's plan is not proven optimal"
        yield from (f"{setting.name}: {note}" for note in setting.notes)
        for plan in setting.plans:
            yield from (f"{setting.name}: {plan.name}: {error}" for error in plan.errors)
