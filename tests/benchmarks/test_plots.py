"""Plots: made of what was measured, and the same file for the same measurements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.measuring import Measurement
from benchmarks.plots import draw, growth_points
from tests.benchmarks.made_up import made_up

LARGEST_BYTES = 100_000


def runs() -> list[Measurement]:
    """Two seeds at six sizes, a trace each, a textbook formulation and a rule."""
    found = []
    for layers, nodes in ((16, 8), (32, 8), (64, 8), (64, 16), (64, 32), (64, 64)):
        for seed in range(2):
            size, seconds = (layers, nodes), layers * nodes * (1 + seed) / 1000
            entries = ((seconds / 2, 10.0, 5.0), (seconds, 10.0, 10.0))
            found += [
                made_up("auto", seed, size=size, solve_s=seconds, entries=entries),
                made_up("reference_milp", seed, size=size, solve_s=60.0, status="feasible", gap=0.5),
                made_up("ring", seed, size=size, objective=15.0, status="feasible"),
            ]
    return found


def test_growth_holds_the_other_size_and_spans_the_seeds() -> None:
    held, points = growth_points(runs(), "latency", "nodes", "layers")
    assert held == 64
    assert [point.at for point in points] == [8, 16, 32, 64]
    assert [(point.least_s, point.most_s) for point in points][:2] == [(0.512, 1.024), (1.024, 2.048)]
    assert growth_points(runs(), "latency", "layers", "nodes")[0] == 8
    assert growth_points(runs(), "gpipe", "layers", "nodes") == (0, [])


def test_a_size_that_one_seed_did_not_prove_is_not_shown_as_proven() -> None:
    unproven = made_up("auto", 2, size=(64, 64), status="feasible", gap=0.1)
    _, points = growth_points([*runs(), unproven], "latency", "nodes", "layers")
    assert [point.proven for point in points] == [True, True, True, False]


def test_every_plot_is_drawn_small_as_svg_and_with_its_text_as_text(tmp_path: Path) -> None:
    files = draw(runs(), tmp_path)
    assert [file.stem for file in files] == [
        "growth-in-layers", "growth-in-nodes", "gap-over-time", "against-textbook", "plan-quality"
    ]  # fmt: skip
    for file in files:
        assert ET.fromstring(file.read_text()).tag.endswith("svg")
        assert file.stat().st_size < LARGEST_BYTES
    assert "latency, 8 nodes" in (tmp_path / "growth-in-layers.svg").read_text()
    assert "reference_milp" in (tmp_path / "against-textbook.svg").read_text()


def test_the_same_measurements_give_the_same_files(tmp_path: Path) -> None:
    pairs = zip(draw(runs(), tmp_path / "a"), draw(runs(), tmp_path / "b"), strict=True)
    assert all(a.read_bytes() == b.read_bytes() for a, b in pairs)


def test_without_measurements_nothing_is_drawn(tmp_path: Path) -> None:
    assert draw([], tmp_path) == []


def test_tables_are_printed_without_the_library_that_draws(root: Path) -> None:
    check = "import sys, benchmarks.__main__; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=root, check=False, timeout=120).returncode == 0
