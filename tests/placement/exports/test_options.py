"""Every format says which options it takes: those that make a difference, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from models.export import Export, ExportFormat, ExportOptions, OptionName
from placement.exports import CannotSay, formats
from tests.placement.exports.plans import NODES, THREE, TRAINING, U_SHAPED, exported, request

PASS = {"flops": 1e9, "output_bytes": 1e3}
AS_LAYERS = {
    "layers": [
        {"kind": kind, "weight_bytes": 1e6, "forward": PASS, "backward": PASS, "decode": PASS}
        for kind in ("embedding", *["block"] * 4, "head")
    ]
}
PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text()
GIVEN: dict[OptionName, Any] = {
    OptionName.DEVICES: {node: f"{node}-2" for node in NODES},
    OptionName.ADDRESSES: {node: f"{node}.lan:9000" for node in NODES},
    OptionName.MODEL_NAME: "org/tiny",
    OptionName.ARCHITECTURE: "LlamaForCausalLM",
    OptionName.IMAGE: "stage:1",
}
PLANS = {ExportFormat.PETALS: (U_SHAPED, None), ExportFormat.DEEPSPEED: (THREE, TRAINING)}


def outcome(wanted: ExportFormat, model: dict[str, Any] | None, **options: Any) -> Export | set[str]:
    """What comes of it: the file with its warnings, or why there is none."""
    placed, workload = PLANS.get(wanted, (THREE, None))
    try:
        return exported(wanted, placed, request(model, workload), **options)
    except CannotSay as cannot:
        return {fault.code for fault in cannot.faults}


def test_every_option_has_a_name() -> None:
    assert set(OptionName) == set(ExportOptions.model_fields) == set(GIVEN)


@pytest.mark.parametrize("entry", formats(), ids=lambda entry: entry.format)
def test_a_format_lists_the_options_that_make_a_difference(entry: Any) -> None:
    different = {
        name
        for name, value in GIVEN.items()
        for model in (None, AS_LAYERS)
        if outcome(entry.format, model, **{name: value}) != outcome(entry.format, model)
    }
    assert different == {option.name for option in entry.options}
    assert all(option.meaning for option in entry.options)


@pytest.mark.parametrize("name", OptionName)
def test_the_page_says_which_formats_take_an_option(name: OptionName) -> None:
    [cell] = re.findall(rf"^\| `{name}` \| `--[^|]*\| ([^|]*) \|", PAGE, flags=re.MULTILINE)
    named = set(re.findall(r"`([^`]+)`", cell))
    said = set(ExportFormat) - named if cell.startswith("all but") else named
    assert said == {entry.format for entry in formats() if name in {option.name for option in entry.options}}
