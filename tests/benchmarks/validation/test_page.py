"""The tables say what was measured, and stand where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.validation import page
from benchmarks.validation.__main__ import main
from benchmarks.validation.candidates import Role
from benchmarks.validation.plots import PLOTS, draw
from benchmarks.validation.record import SettingRun, Validation, write
from benchmarks.validation.settings import SETTINGS
from benchmarks.validation.targets import targets
from tests.benchmarks.validation.made_up import plan_run, setting_run

MACHINE = {
    "system": "Linux x86_64",
    "python": "3.11",
    "cores": 2,
    "processor": "made up",
    "torch": "2.13",
    "links": "nothing",
    "commit": "abc",
    "started": "today",
    "load_average": 0.0,
}
BUSY = {"a": 0.9, "b": 0.9}


@pytest.fixture
def good() -> SettingRun:
    return setting_run(
        plan_run("optimal", 1.05, 1.0, 1.0, 1.0, role=Role.OPTIMAL, busy_s=BUSY),
        plan_run("even_split", 1.6, 1.5, 1.5, 1.5, role=Role.BASELINE),
        plan_run("random 1", 1.8, 2.0, 2.0, 2.0),
    )


def validation(*settings: SettingRun) -> Validation:
    return Validation(dict(MACHINE), 60.0, settings, ("late",))


def test_errors_are_relative_to_what_was_measured(good: SettingRun) -> None:
    middle, high, _, _ = targets([good])
    # 5 %, 6.7 %, 10 %: the middle one, and nine tenths of the way to the largest.
    assert middle.found == "6.7% of 3 plans"
    assert high.found == "9.3%"
    assert middle.met
    assert high.met


def test_a_planners_plan_that_is_slower_than_another_misses_the_target() -> None:
    bad = setting_run(
        plan_run("optimal", 1.0, 1.5, 1.5, 1.5, role=Role.OPTIMAL),
        plan_run("even_split", 1.6, 1.0, 1.0, 1.0, role=Role.BASELINE),
    )
    _, _, fastest, utilisation = targets([bad])
    assert not fastest.met
    assert "slower in 1" in fastest.found
    assert not utilisation.met
    assert page.verdict(bad) == "SLOWER"


def test_the_planners_plan_must_lead_in_nine_tenths_of_the_settings(good: SettingRun) -> None:
    bad = setting_run(*(plan for plan in good.plans if plan.role is not Role.OPTIMAL))
    assert targets([good] * 9 + [bad])[2].met
    assert not targets([good] * 8 + [bad] * 2)[2].met


def test_utilisation_is_the_mean_over_nodes_and_its_other_reading_weighs_them_by_share(good: SettingRun) -> None:
    optimal = plan_run("optimal", 1.0, 1.0, role=Role.OPTIMAL, busy_s={"a": 1.0, "b": 0.5})
    assert optimal.utilisation() == pytest.approx(0.75)
    assert optimal.capacity_used({"a": 0.2, "b": 0.6}) == pytest.approx((0.2 + 0.3) / 0.8)
    assert targets([good])[3].met


def test_the_tables_name_every_plan_with_both_times_and_what_failed(good: SettingRun) -> None:
    failed = plan_run("random 2", 1.0)
    text = page.tables(validation(setting_run(*good.plans, failed)))
    assert "| made up optimal | 1.050 | 1.000 | +5.0% | 3 | 1.000 to 1.000 | a 0..2, b 2..4 |" in text
    assert "| made up random 2 | 1.000 | failed |" in text
    assert "| made up a to b | 1,000 | 1,010 | +1.00% |" in text
    assert "late: dropped" in text


def test_the_tables_replace_what_stands_between_the_marks_and_nothing_else(tmp_path: Path, good: SettingRun) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Title\n\n{page.BEGIN}\n\nold\n\n{page.END}\n\nend\n")
    page.write(file, validation(good), [tmp_path / "plots" / "times-slower.svg"])
    text = file.read_text()
    assert "![times slower](plots/times-slower.svg)" in text
    assert text.startswith(f"# Title\n\n{page.BEGIN}\n\nMeasured on Linux")
    assert text.endswith(f"{page.END}\n\nend\n")
    assert "old" not in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path, good: SettingRun) -> None:
    file = tmp_path / "page.md"
    file.write_text("# Title\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        page.write(file, validation(good))
    assert file.read_text() == "# Title\n"


def test_the_same_measurements_give_the_same_plots(tmp_path: Path, good: SettingRun) -> None:
    first, second = draw(validation(good), tmp_path / "a"), draw(validation(good), tmp_path / "b")
    assert [file.stem for file in first] == list(PLOTS)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_an_earlier_validation_is_reported_without_running_anything(
    tmp_path: Path, good: SettingRun, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "validation.json"
    write(validation(good), file)
    assert main(["--from", str(file)]) == 1  # a setting was dropped
    printed = capsys.readouterr()
    assert "### Targets" in printed.out
    assert "met    median error below 10%" in printed.err


def test_the_page_says_what_is_run_and_has_room_for_the_tables(root: Path) -> None:
    text = (root / "docs" / "validation.md").read_text()
    assert page.BEGIN in text
    assert page.END in text
    assert len(SETTINGS) == 10
