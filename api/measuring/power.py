"""What the machine itself says about its power: one small function per source, each a `Meter` or None.

Sources differ in what they see. A battery feeds the whole machine; a Jetson's module rail is nearly all of it; RAPL
counts the processor package and its memory only; nvidia-smi the graphics card only. The first two are taken alone,
the others are added up, and the answer says which it was.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from api.measuring.machine import ROOT, text

_PROGRAM_S = 5.0
"""Longest wait for a vendor's program."""
_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Meter:
    """A source of power readings, in W; one reading covers the time since the one before it, or is momentary."""

    name: str
    sees: str
    """Which part of the machine."""
    read_w: Callable[[], float | None]
    """None where no reading could be had this time."""


Program = Callable[[Sequence[str]], str | None]
"""Runs a command; the first lines of what it prints, or None."""


def printed_by(command: Sequence[str], lines: int = 1) -> str | None:
    """The first lines that a program prints; it is ended then, for some never end by themselves."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        running = subprocess.Popen(  # noqa: S603 - found on the path, with fixed arguments
            [program, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
        )
    except OSError:
        return None
    with running:
        watchdog = threading.Timer(_PROGRAM_S, running.kill)
        watchdog.start()
        try:
            assert running.stdout is not None
            said = "".join(running.stdout.readline() for _ in range(lines))
        finally:
            watchdog.cancel()
            running.kill()
    return said or None


def meters(root: Path = ROOT, run: Program = printed_by, clock: Callable[[], float] = time.monotonic) -> list[Meter]:
    """What measures this machine best: one meter of all of it, else those of its parts."""
    for whole in (battery(root), tegrastats(run)):
        if whole is not None:
            return [whole]
    return [part for part in (rapl(root, clock), nvidia_smi(run)) if part is not None]


def battery(root: Path = ROOT) -> Meter | None:
    """The batteries of a machine that runs on them: power_now, else current_now x voltage_now (in micro-units)."""

    def read_w() -> float | None:
        readings = [_battery_w(folder) for folder in sorted((root / "sys/class/power_supply").glob("*"))]
        known = [watts for watts in readings if watts is not None]
        return sum(known) if known else None

    return Meter("battery", "the whole machine", read_w) if read_w() is not None else None


def _battery_w(folder: Path) -> float | None:
    """None for what is no battery, is a peripheral's, or is not being discharged."""
    if (text(folder / "type"), text(folder / "status")) != ("Battery", "Discharging"):
        return None
    if text(folder / "scope") == "Device":
        return None
    power = _number(folder / "power_now")
    if power is None:
        current, voltage = _number(folder / "current_now"), _number(folder / "voltage_now")
        power = None if current is None or voltage is None else current * voltage / 1e6
    return None if power is None else abs(power) / 1e6


def rapl(root: Path = ROOT, clock: Callable[[], float] = time.monotonic) -> Meter | None:
    """Running average power limit: energy counters of the packages and their memory, in micro-joules, that wrap."""
    zones = [
        zone
        for zone in sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
        if re.match(r"package|dram", text(zone / "name") or "") and _number(zone / "energy_uj") is not None
    ]
    if not zones:
        return None
    last: list[tuple[float, list[float]]] = []

    def read_w() -> float | None:
        counters = [_number(zone / "energy_uj") for zone in zones]
        now, known = clock(), [value for value in counters if value is not None]
        if len(known) < len(zones):
            return None
        before = last.pop() if last else None
        last.append((now, known))
        if before is None or now <= before[0]:
            return None
        spent = 0.0
        for zone, then, since in zip(zones, before[1], known, strict=True):
            spent += since - then if since >= then else since - then + (_number(zone / "max_energy_range_uj") or 0.0)
        return spent / 1e6 / (now - before[0])

    names = sorted({(text(zone / "name") or "").partition("-")[0] for zone in zones})
    return Meter("RAPL", f"processor: {', '.join(names)}", read_w)


def nvidia_smi(run: Program = printed_by) -> Meter | None:
    """The first graphics card's draw."""

    def read_w() -> float | None:
        said = run(["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits", "--id=0"])
        found = re.match(r"\s*([\d.]+)\s*$", said or "")
        return float(found[1]) if found else None

    return Meter("nvidia-smi", "the graphics card", read_w) if read_w() is not None else None


_RAILS = (r"VDD_IN", r"POM_5V_IN", r"VDD_GPU_SOC|VDD_CPU_CV|VIN_SYS_5V0")
"""The module's input on Orin NX/Nano and Xavier NX, on Nano and TX2; on AGX boards the rails that make it up."""


def tegrastats(run: Program = printed_by) -> Meter | None:
    """A Jetson's module: `VDD_IN 4870mW/4950mW` (now/average; older releases leave the unit out)."""

    def read_w() -> float | None:
        said = run(["tegrastats", "--interval", "200"]) or ""
        for rails in _RAILS:
            found = re.findall(rf"\b(?:{rails}) (\d+)(?:mW)?/\d+", said)
            if found:
                return sum(map(int, found)) / 1000
        return None

    return Meter("tegrastats", "the module", read_w) if read_w() is not None else None


@dataclass(slots=True)
class Watch:
    """Readings of a time: the mean power of all meters, in W; None where none could be had."""

    readings: dict[str, list[float]] = field(default_factory=dict)

    @property
    def mean_w(self) -> float | None:
        """Sum over meters of the mean of their readings."""
        if not self.readings or not all(self.readings.values()):
            return None
        return sum(mean(values) for values in self.readings.values())

    @property
    def samples(self) -> int:
        """Readings of the meter that gave fewest."""
        return min((len(values) for values in self.readings.values()), default=0)


@contextmanager
def watching(found: Sequence[Meter], every_s: float = _EVERY_S) -> Iterator[Watch]:
    """Reads the meters, in a thread, while the block runs; the answer is complete when the block has ended."""
    watch, over = Watch({meter.name: [] for meter in found}), threading.Event()

    def read() -> None:
        for meter in found:
            meter.read_w()  # counters of energy count from here
        while not over.wait(every_s):
            for meter in found:
                watts = meter.read_w()
                if watts is not None:
                    watch.readings[meter.name].append(watts)

    thread = threading.Thread(target=read, name="power", daemon=True)
    if found:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        if found:
            thread.join()


def _number(file: Path) -> float | None:
    said = text(file)
    try:
        return None if not said else float(said)
    except ValueError:
        return None
