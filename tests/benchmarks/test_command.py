"""python -m benchmarks: selections, what the options change, what is printed and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stints
from benchmarks.__main__ import main, settings_of
from benchmarks.families import EXAMPLES, FAMILIES, NAMES, Size
from benchmarks.stints import GROWTH, SELECTIONS, Changes, Stint, default, full, growth, quick

Runs = list[tuple[str, str, int, str, float]]


def planned(chosen: tuple[Stint, ...]) -> Runs:
    return [(case.family, case.instance, case.seed, contestant, limit_s)
            for stint in chosen for case, contestant, limit_s in stint.runs()]  # fmt: skip


def test_every_selection_of_families_measures_all_of_them() -> None:
    for selection in (quick, default, full):
        assert {stint.family for stint in selection()} == set(NAMES)


def test_full_measures_every_size_and_asks_the_textbook_on_every_seed() -> None:
    for family in FAMILIES:
        own = [stint for stint in full() if stint.family == family.name]
        assert {size for stint in own for size in stint.sizes} >= set(family.full_sizes)
    assert all(stint.textbook_seeds == 3 for stint in full() if stint.family == "energy")


def test_no_selection_measures_the_same_twice() -> None:
    small = Changes(families=("latency", "gpipe", "mixed"))
    for selection in SELECTIONS.values():
        sizes = [(stint.family, size) for stint in small.applied(selection()) for size in stint.sizes]
        assert len(sizes) == len(set(sizes))


def test_the_textbook_has_a_minute_by_default_and_one_seed() -> None:
    asked = planned(Changes(families=("gpipe",)).applied(default()))
    assert ("gpipe", "16x4", 0, "reference_milp", 60.0) in asked
    assert {seed for _, _, seed, contestant, _ in asked if contestant == "reference_milp"} == {0}
    assert {seed for _, _, seed, contestant, _ in asked if contestant == "auto"} == {0, 1, 2}


def test_neither_the_textbook_nor_rules_are_asked_about_a_fleet() -> None:
    asked = planned((Stint("fleet_latency", (Size(80, 200),), ("auto", "reference_milp", "ring"), own_seeds=1),))
    assert [contestant for _, _, _, contestant, _ in asked] == ["auto"]


def test_growth_is_measured_in_layers_and_in_nodes() -> None:
    assert {size.layers for size in GROWTH if size.nodes == 8} == {16, 32, 48, 64, 80, 126}
    assert {size.nodes for size in GROWTH if size.layers == 126} == {8, 12, 16, 24, 32, 48, 64}
    assert all(stint.contestants == ("auto",) for stint in growth())


def test_options_change_what_a_selection_chose() -> None:
    settings = settings_of(
        ["--quick", "--families", "dvfs", "--sizes", "6x3", "5x2", "--seeds", "2", "--time-limit", "7",
         "--contestants", "auto"]
    )  # fmt: skip
    asked = planned(settings.changes.applied(SELECTIONS[settings.selection]()))
    assert asked == [("dvfs", size, seed, "auto", 7.0) for size in ("6x3", "5x2") for seed in (0, 1)]


def test_other_sizes_replace_all_stints_of_a_family() -> None:
    changed = Changes(families=("latency",), sizes=(Size(5, 3),), seeds=1).applied(full())
    assert [(stint.family, stint.sizes) for stint in changed] == [("latency", (Size(5, 3),))]


def test_selections_are_named_by_options() -> None:
    assert settings_of([]).selection == "default"
    for name in ("quick", "full", "growth", "target"):
        assert settings_of([f"--{name}"]).selection == name
    with pytest.raises(SystemExit):
        settings_of(["--quick", "--full"])


def test_the_command_prints_tables_draws_and_keeps_measurements_that_can_be_reported_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, plots = tmp_path / "runs.jsonl", tmp_path / "plots"
    asked = ["--families", "gpipe", "--sizes", "5x3", "--seeds", "1", "--contestants", "milp", "ring"]
    assert main([*asked, "--json", str(file), "--plots", str(plots)]) == 0
    printed = capsys.readouterr()
    assert "| 5x3 milp | 1/1 |" in printed.out
    assert "gpipe 5x3 seed 0 milp: optimal" in printed.err
    assert (plots / "plan-quality.svg").exists()
    assert main(["--from", str(file)]) == 0
    again = capsys.readouterr().out
    assert again in printed.out
    assert again.startswith("## Time to the proof")


def test_a_run_without_an_answer_is_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stints, "_copes", lambda _contestant, case: case.body.clear() or True)
    assert main(["--families", "energy", "--sizes", "5x3", "--seeds", "1", "--contestants", "auto"]) == 1
    assert "Runs without an answer" in capsys.readouterr().out


def test_the_target_selection_prints_the_table_of_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "runs.jsonl"
    asked = ["--target", "--families", "real", "--seeds", "1", "--time-limit", "20", "--json", str(file)]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert "| 8 nodes real | 0.010 |" in printed
    assert main(["--target", "--from", str(file)]) == 0
    assert capsys.readouterr().out in printed


def test_examples_keep_their_own_size() -> None:
    chosen = Changes(families=(EXAMPLES,), sizes=(Size(5, 3),), contestants=("auto",)).applied(default())
    assert len(planned(chosen)) >= 8
