"""The four targets, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.validation.candidates import Role
from benchmarks.validation.record import PlanRun, SettingRun
from benchmarks.validation.statistics import Verdict, compared, median, quantile, relative_spread

MEDIAN_ERROR = 0.10
P90_ERROR = 0.25
SHARE_FASTEST = 0.9


@dataclass(frozen=True)
class Target:
    """What was asked, what was measured, and whether that meets it."""

    title: str
    found: str
    met: bool


def targets(settings: Sequence[SettingRun]) -> tuple[Target, ...]:
    """All targets over the settings that ran; none is met where nothing ran."""
    errors = [abs(plan.error) for setting in settings for plan in setting.ran]
    if not errors:
        return ()
    middle, high = median(errors), quantile(errors, 0.9)
    return (
        Target(f"median error below {MEDIAN_ERROR:.0%}", f"{middle:.1%} of {len(errors)} plans", middle < MEDIAN_ERROR),
        Target(f"90th percentile below {P90_ERROR:.0%}", f"{high:.1%}", high < P90_ERROR),
        _fastest(settings),
        _utilisation(settings, "mean busy share of the nodes", PlanRun.utilisation),
    )


def standing(setting: SettingRun) -> Verdict | None:
    """The planner's plan against the fastest measured of the others; None where it or all others did not run."""
    optimal = setting.optimal
    others = [plan for plan in setting.ran if plan is not optimal]
    if optimal is None or not others:
        return None
    best = min(others, key=lambda plan: plan.measured_s)
    return compared(optimal.seconds, best.seconds, relative_spread([plan.seconds for plan in setting.ran]))


def leads(setting: SettingRun) -> bool:
    """Whether the planner's plan has the least median, by whatever distance."""
    optimal = setting.optimal
    return optimal is not None and all(optimal.measured_s <= plan.measured_s for plan in setting.ran)


def _fastest(settings: Sequence[SettingRun]) -> Target:
    standings = [standing(setting) for setting in settings]
    first = sum(leads(setting) for setting in settings)
    faster, tied, slower = (standings.count(verdict) for verdict in Verdict)
    wanted = SHARE_FASTEST * len(settings)
    return Target(
        "the planner's plan is the fastest measured in 9 of 10 settings",
        f"least median in {first} of {len(settings)}; beyond noise: faster in {faster}, tied with the next in {tied}, "
        f"slower in {slower}",
        first >= wanted,
    )


def used_most(setting: SettingRun, measure: object) -> bool | None:
    """Whether the planner's plan uses the nodes more than every baseline; None where either did not run."""
    optimal = setting.optimal
    rules = [plan for plan in setting.ran if plan.role is Role.BASELINE]
    if optimal is None or not rules:
        return None
    assert callable(measure)
    return all(measure(optimal) > measure(plan) for plan in rules)


def _utilisation(settings: Sequence[SettingRun], words: str, measure: object) -> Target:
    above = [used_most(setting, measure) for setting in settings]
    capacity = [used_most(s, lambda plan, s=s: plan.capacity_used(s.shares)) for s in settings]
    return Target(
        "utilisation above every baseline's",
        f"{words}: in {above.count(True)} of {len(above)} settings; weighted by what the nodes can do: in "
        f"{capacity.count(True)}",
        all(above),
    )
