"""A bench whose nodes do exactly, or almost, what the cost model says; and a clock that it drives."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field

from benchmarks.validation.candidates import Candidate, Cut, Forecast, Role
from benchmarks.validation.inputs import Layers, LayerSeconds, Measured, nominal
from benchmarks.validation.record import PlanRun, Ran, Round, SettingRun
from benchmarks.validation.settings import QUICK, Setting

SETTING = QUICK[0]


@dataclass
class MadeUpBench:
    """`slower_by`: what a run takes over its forecast. `fails`: names of plans that crash."""

    slower_by: float = 1.0
    fails: tuple[str, ...] = ()
    measuring_s: float = 1.0
    now_s: float = 0.0
    slows_down_to: float = 1.0
    """What the layers take when they are measured again, and the runs behind that, over what they took at first."""
    calls: list[str] = field(default_factory=list)
    revived: int = 0

    def clock(self) -> float:
        return self.now_s

    def shape(self, setting: Setting) -> None:
        self.calls.append(f"shape {setting.name}")

    def measure(self, setting: Setting) -> Measured:
        self.now_s += self.measuring_s
        return nominal(setting)

    def layers(self, setting: Setting) -> Layers:
        self.slower_by *= self.slows_down_to
        layers = self.measure(setting).layers
        return {
            node: tuple(
                LayerSeconds(*(None if part is None else part * self.slows_down_to for part in astuple(layer)))
                for layer in own
            )
            for node, own in layers.items()
        }

    def run(self, setting: Setting, candidate: Candidate, iterations: int) -> Ran:
        self.calls.append(candidate.name)
        if candidate.name in self.fails:
            raise RuntimeError("a node died")
        once_s = candidate.forecast.latency_s * self.slower_by
        self.now_s += once_s * (iterations + 1)
        return Ran((once_s,) * iterations, candidate.forecast.busy_s, candidate.forecast.link_bytes)

    def revive(self) -> None:
        self.revived += 1


def plan_run(
    name: str,
    predicted_s: float,
    *seconds: float,
    role: Role = Role.RANDOM,
    busy_s: dict[str, float] | None = None,
) -> PlanRun:
    """One round of the given iterations on nodes a and b."""
    busy = busy_s or {"a": 0.5, "b": 0.5}
    forecast = Forecast(predicted_s, dict(busy), {"a>b": 1000.0})
    candidate = Candidate(name, role, (Cut("a", 0, 2), Cut("b", 2, 4)), forecast)
    ran = Ran(seconds, dict(busy), {"a>b": 1010.0})
    return PlanRun(candidate, (Round(forecast, ran),) if seconds else ())


def setting_run(*plans: PlanRun) -> SettingRun:
    return SettingRun("made up", "made up by hand", {"a": 0.2, "b": 0.6}, None, plans, 1.0, proven=True)
