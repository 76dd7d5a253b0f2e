from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from api.measuring.power import Meter, battery, meters, nvidia_smi, printed_by, rapl, tegrastats, watching
from tests.api.measuring.trees import planted

BATTERY = "sys/class/power_supply/BAT0"
RAPL = "sys/class/powercap"


def saying(said: dict[str, str]) -> Callable[[Sequence[str]], str | None]:
    """Stands in for the vendors' programs."""
    return lambda command: said.get(command[0])


@pytest.mark.parametrize(
    ("figures", "watts"),
    [
        ({"power_now": "7500000"}, 7.5),
        ({"current_now": "1500000", "voltage_now": "12000000"}, 18.0),
        ({"current_now": "-1500000", "voltage_now": "12000000"}, 18.0),
    ],
)
def test_a_battery_that_is_discharged_tells_the_power_of_the_machine(
    figures: dict[str, str], watts: float, tmp_path: Path
) -> None:
    files = {"type": "Battery", "status": "Discharging", **figures}
    meter = battery(planted(tmp_path, {f"{BATTERY}/{name}": value for name, value in files.items()}))
    assert meter is not None
    assert meter.sees == "the whole machine"
    assert meter.read_w() == pytest.approx(watts)


@pytest.mark.parametrize(
    "files",
    [
        {"type": "Battery", "status": "Charging", "power_now": "7500000"},
        {"type": "Battery", "status": "Full", "power_now": "0"},
        {"type": "Battery", "status": "Discharging", "scope": "Device", "power_now": "100000"},
        {"type": "Mains", "online": "1"},
        {"type": "Battery", "status": "Discharging"},
        {"type": "Battery", "status": "Discharging", "power_now": "unknown"},
    ],
)
def test_a_supply_that_does_not_tell_what_the_machine_draws_is_no_meter(files: dict[str, str], tmp_path: Path) -> None:
    assert battery(planted(tmp_path, {f"{BATTERY}/{name}": value for name, value in files.items()})) is None


def test_energy_counters_of_packages_and_memory_give_power_also_when_they_wrap(tmp_path: Path) -> None:
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:1": "psys"}
    files = {f"{RAPL}/{zone}/name": name for zone, name in zones.items()}
    counters = {f"{RAPL}/{zone}/energy_uj": "1000000" for zone in zones}
    ranges = {f"{RAPL}/{zone}/max_energy_range_uj": "262143000000" for zone in zones}
    root = planted(tmp_path, files | counters | ranges)
    now = [10.0]
    meter = rapl(root, lambda: now[0])
    assert meter is not None
    assert meter.sees == "processor: dram, package"
    assert meter.read_w() is None  # there is no time yet
    planted(root, {f"{RAPL}/intel-rapl:0/energy_uj": "21000000", f"{RAPL}/intel-rapl:0:1/energy_uj": "5000000"})
    now[0] = 12.0
    assert meter.read_w() == pytest.approx((20 + 4) / 2)
    planted(root, {f"{RAPL}/intel-rapl:0/energy_uj": "1000000", f"{RAPL}/intel-rapl:0:1/energy_uj": "6000000"})
    now[0] = 13.0
    assert meter.read_w() == pytest.approx(262143 - 20 + 1)


def test_counters_that_may_not_be_read_are_no_meter(tmp_path: Path) -> None:
    root = planted(tmp_path, {f"{RAPL}/intel-rapl:0/name": "package-0"})
    (root / RAPL / "intel-rapl:0/energy_uj").mkdir()  # reading it fails, as it does for others than root
    assert rapl(root) is None


@pytest.mark.parametrize(
    ("said", "watts"),
    [
        (
            "RAM 2448/7620MB CPU [1%@729,off] VDD_IN 4870mW/4950mW VDD_CPU_GPU_CV 1200mW/1210mW VDD_SOC 900mW/901mW",
            4.87,
        ),
        ("RAM 2448/3956MB POM_5V_GPU 40/40 POM_5V_IN 2532/2600 POM_5V_CPU 400/400", 2.532),
        (
            "RAM 1/2MB VDD_GPU_SOC 3000mW/1mW VDD_CPU_CV 1000mW/1mW VIN_SYS_5V0 2500mW/1mW VDDQ_VDD2_1V8AO 500mW/1mW",
            6.5,
        ),
        ("RAM 2448/7620MB", None),
    ],
)
def test_a_jetsons_rails_are_read_in_all_their_spellings(said: str, watts: float | None) -> None:
    meter = tegrastats(saying({"tegrastats": said}))
    assert (meter.read_w() if meter else None) == watts


@pytest.mark.parametrize(("said", "watts"), [("31.42\n", 31.42), ("[N/A]\n", None), ("", None)])
def test_a_graphics_card_tells_its_draw_or_that_it_cannot(said: str, watts: float | None) -> None:
    meter = nvidia_smi(saying({"nvidia-smi": said}))
    assert (meter.read_w() if meter else None) == watts


def test_a_meter_of_the_whole_machine_goes_before_those_of_parts(tmp_path: Path) -> None:
    parts = {f"{RAPL}/intel-rapl:0/name": "package-0", f"{RAPL}/intel-rapl:0/energy_uj": "5"}
    supply = {"type": "Battery", "status": "Discharging", "power_now": "7500000"}
    card = saying({"nvidia-smi": "30.0"})
    root = planted(tmp_path, parts)
    assert [meter.name for meter in meters(root, card)] == ["RAPL", "nvidia-smi"]
    planted(root, {f"{BATTERY}/{name}": value for name, value in supply.items()})
    assert [meter.name for meter in meters(root, card)] == ["battery"]
    assert meters(tmp_path / "nothing", saying({})) == []


def test_a_program_that_never_ends_is_read_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tegrastats"
    program.write_text("#!/bin/sh\nwhile :; do echo RAM 1/2MB VDD_IN 5000mW/5000mW; sleep 1; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    meter = tegrastats()
    assert meter is not None
    assert meter.read_w() == 5.0


def test_a_program_that_is_missing_broken_or_silent_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name, script in (("broken", "not a program"), ("silent", "#!/bin/sh\nexit 1\n")):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    assert [printed_by([name]) for name in ("missing-here", "broken", "silent")] == [None, None, None]


def test_readings_are_averaged_and_meters_added_up() -> None:
    readings = iter(range(10**6))
    found = [Meter("a", "a", lambda: float(next(readings) % 2)), Meter("b", "b", lambda: 10.0)]
    with watching(found, every_s=0.001) as watch:
        while watch.samples < 20:
            time.sleep(0.001)
    assert watch.mean_w == pytest.approx(10.5, abs=0.1)


def test_without_a_reading_there_is_no_power() -> None:
    with watching([Meter("a", "a", lambda: None)], every_s=0.001) as watch:
        time.sleep(0.01)
    assert (watch.mean_w, watch.samples) == (None, 0)
    with watching([]) as watch:
        pass
    assert watch.mean_w is None
