from __future__ import annotations

import json

import pytest

from models import Cluster, PlanRequest
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from placement import catalogue
from tests.api.cli import samples
from tests.api.cli.runs import run


def test_without_a_list_all_three_are_shown() -> None:
    result = run("catalogue")
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line in ("models", "nodes", "links")] == [
        "models", "nodes", "links",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shelf", "ids"),
    [
        ("models", [entry.id for entry in catalogue.transformers()]),
        ("nodes", [entry.id for entry in catalogue.devices()]),
        ("links", [entry.id for entry in catalogue.links()]),
    ],
)
def test_every_entry_has_a_row_that_starts_with_its_whole_id(shelf: str, ids: list[str]) -> None:
    starts = [line.split(" ")[0] for line in run("catalogue", shelf).stdout.splitlines()]
    assert [start for start in starts if start in ids] == ids


def test_weak_figures_are_marked_and_others_are_not() -> None:
    entry = catalogue.device("raspberry-pi-5")
    assert entry.sustained_flops_per_s is not None
    assert entry.busy_power_w is not None
    assert (entry.sustained_flops_per_s.weak is None, entry.busy_power_w.weak is None) == (False, True)
    [row] = [line for line in run("catalogue", "nodes").stdout.splitlines() if line.startswith("raspberry-pi-5 ")]
    assert "70.3 GFLOP/s?" in row
    assert row.rstrip().endswith("13.9 W")


def test_an_entry_says_why_a_figure_is_weak_and_where_it_is_from() -> None:
    text = run("catalogue", "nodes", "raspberry-pi-5").stdout
    assert "twice the measured float64" in text
    assert "weak:" in text
    assert "Sources" in text


@pytest.mark.parametrize("entry", [entry for entry in catalogue.devices() if entry.node], ids=lambda entry: entry.id)
def test_the_piece_of_a_device_can_be_pasted_into_a_request(entry: DeviceEntry) -> None:
    text = run("catalogue", "nodes", entry.id).stdout
    piece = json.loads(text[text.index("\n{") :])
    assert Cluster.model_validate({"nodes": [piece]}).nodes == (entry.node.as_node(entry.id) if entry.node else None,)


def test_the_piece_of_a_link_can_be_pasted_into_a_request() -> None:
    text = run("catalogue", "links", "5g-mmwave").stdout
    piece = json.loads(text[text.index("\n{") :])
    body = samples.request_body(("phone", "edge"))
    body["cluster"]["links"] = [piece]
    assert PlanRequest.model_validate(body).cluster.links[0].bandwidth_bits_per_s == 77e6


def test_the_piece_of_a_model_is_what_a_request_takes() -> None:
    piece = json.loads(run("catalogue", "models", "llama-2-7b").stdout.splitlines()[-1])
    assert PlanRequest.model_validate(samples.request_body() | piece).model.catalogue == "llama-2-7b"


@pytest.mark.parametrize("entry", catalogue.links(), ids=lambda entry: entry.id)
def test_every_link_can_be_looked_at(entry: LinkEntry) -> None:
    assert run("catalogue", "links", entry.id).stdout.startswith(f"{entry.id}  {entry.name}")


@pytest.mark.parametrize("entry", catalogue.transformers(), ids=lambda entry: entry.id)
def test_every_model_can_be_looked_at(entry: TransformerEntry) -> None:
    assert run("catalogue", "models", entry.id).stdout.startswith(f"{entry.id}  {entry.hf_id}")


def test_an_entry_without_enough_figures_says_what_is_missing() -> None:
    assert "No piece for a request: not known" in run("catalogue", "nodes", "apple-a14").stdout


def test_json_holds_the_lists_or_the_entry_and_nothing_else() -> None:
    every = json.loads(run("catalogue", "--json").stdout)
    assert {name: len(entries) for name, entries in every.items()} == {
        "models": len(catalogue.transformers()),
        "nodes": len(catalogue.devices()),
        "links": len(catalogue.links()),
    }
    entry = json.loads(run("catalogue", "nodes", "raspberry-pi-5", "--json").stdout)
    assert entry == catalogue.device("raspberry-pi-5").model_dump(mode="json")


def test_an_unknown_id_is_answered_with_near_ones() -> None:
    result = run("catalogue", "models", "gtp2")
    assert result.exit_code == 2
    assert "did you mean gpt2" in result.stderr
