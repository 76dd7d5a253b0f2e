"""What a format cannot say is told: refused where the runtime would do something else, else a warning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from models.base import InvalidInput
from models.export import ExportFormat
from placement.exports import CannotSay, facts_of_models, facts_of_plans, formats
from placement.exports.findings import code_of
from placement.exports.registry import FORMATS
from placement.exports.subject import subject_of
from tests.placement.exports.plans import (
    ALONE,
    SERVING,
    THREE,
    TRAINING,
    U_SHAPED,
    asked_of,
    config,
    exported,
    losses,
    request,
    stages,
)

PAGE = Path(__file__).parents[3] / "docs" / "export.md"
TWO_BLOCKS_BACK = stages(("phone", 0, 2), ("edge", 2, 4), ("phone", 4, 6))
ON_EDGE = stages(("edge", 0, 6))
LAYER = {"weight_bytes": 1e6, "forward": {"flops": 1e9, "output_bytes": 1e3}, "decode": {"flops": 1e6}}


def given(*kinds: str) -> dict[str, Any]:
    """A model given as layers of these kinds."""
    return {"layers": [LAYER | {"kind": kind} for kind in kinds]}


def model(**more: Any) -> dict[str, Any]:
    return {"huggingface_config": config(), "sequence_length": 8, **more}


def with_levels() -> dict[str, Any]:
    asked = request()
    points = [
        {"name": name, "compute_flops_per_s": rate, "busy_power_w": 5}
        for name, rate in (("slow", 1e11), ("fast", 1e12))
    ]
    asked["cluster"]["nodes"][1]["operating_points"] = points
    return asked


def relayed() -> list[dict[str, Any]]:
    placed = stages(("phone", 0, 2), ("edge", 2, 6))
    placed[0]["transfer_to_next"] = {"route": ["phone", "jetson", "edge"], "forward_s": 1.0}
    return placed


LEVELS = [stage | {"level": "slow"} if stage["node"] == "jetson" else stage for stage in THREE]
ENDLESS = ("block",) * 6
SPLIT_ENDS = given("embedding", "embedding", "block", "block", "block", "head")
MULTIMODAL = {"model_type": "gemma3", "text_config": config()}
LORA = {"fine_tuning": {"method": "lora", "rank": 4}}
TIED = {"huggingface_config": config(tie_word_embeddings=True), "sequence_length": 8}
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "u_shape": (U_SHAPED, request()),
    "second_range": (TWO_BLOCKS_BACK, request()),
    "embedding_alone": (ALONE, request()),
    "head_alone": (ALONE, request()),
    "embedding_elsewhere": (ON_EDGE, request(privacy={"head_layers": 0})),
    "head_elsewhere": (THREE, request()),
    "no_blocks": (THREE, request(given("embedding", "other", "block", "block", "block", "head"))),
    "cut_outside_blocks": (stages(("phone", 0, 1), ("edge", 1, 6)), request(SPLIT_ENDS)),
    "ends_not_planned": (THREE, request(given(*ENDLESS))),
    "several_nodes": (THREE, request()),
    "node_order": (THREE, request()),
    "operating_points": (LEVELS, with_levels()),
    "relays": (relayed(), request()),
    "raw_input": (THREE, request()),
    "training": (THREE, request(workload=TRAINING)),
    "decoding": (THREE, request()),
    "concurrency": (THREE, request(workload=SERVING | {"concurrency": 3, "output_tokens": 1})),
    "schedule": (THREE, request(workload=TRAINING)),
    "gpipe": (THREE, request(workload=TRAINING | {"schedule": "gpipe"})),
    "sequential_micro_batches": (THREE, request(workload=TRAINING | {"schedule": "sequential"})),
    "deep_warmup": (THREE, request(workload=TRAINING | {"warmup": "deep"})),
    "quantization": (THREE, request(model(quantization="int8"))),
    "adapters": (THREE, request(model(**LORA), TRAINING)),
    "blocks_on_first_node": (THREE, request()),
    "memory_unknown": (THREE, request()),
    "class_unknown": (THREE, request(given("embedding", *["block"] * 4, "head"))),
    "enclosed": (THREE, request({"huggingface_config": MULTIMODAL, "sequence_length": 8})),
    "no_language_model": (THREE, request({"huggingface_config": config("bert")}, SERVING | {"output_tokens": 1})),
    "unknown_to_petals": (THREE, request({"huggingface_config": config("gpt2"), "sequence_length": 8})),
    "unknown_to_dnet": (THREE, request({"huggingface_config": config("gpt2"), "sequence_length": 8})),
    "tied_apart": (THREE, request(TIED)),
    "devices_not_given": (THREE, request()),
    "addresses_not_given": (THREE, request()),
    "servers_without_address": (THREE, request()),
    "model_not_named": (U_SHAPED, request()),
    "image_not_given": (THREE, request()),
    "label_unfit": (
        stages(("a phone", 0, 6)),
        request(nodes=("a phone", "jetson", "edge"), workload=SERVING | {"source": "a phone"}),
    ),
}  # fmt: skip
"""A plan in which each fact is found."""
SHARED_NAME = {"devices": {"phone": "same", "edge": "same"}}
RULES = {code_of(rule) for known in FORMATS.values() for rule in (*known.refused, *known.lost)}
TOLD = [(known.name, rule, refuses) for known in FORMATS.values()
        for refuses, rules in ((True, known.refused), (False, known.lost)) for rule in rules]  # fmt: skip


def codes(
    wanted: ExportFormat, placed: list[dict[str, Any]], asked: dict[str, Any], **options: Any
) -> tuple[set[str], set[str]]:
    """Codes that are refused, and codes of warnings."""
    try:
        return set(), losses(exported(wanted, placed, asked, **options))
    except CannotSay as cannot:
        return {fault.code for fault in cannot.faults}, set()


@pytest.mark.parametrize(("wanted", "rule", "refuses"), TOLD, ids=[f"{name}-{code_of(rule)}" for name, rule, _ in TOLD])
def test_a_fact_is_refused_or_a_warning_as_the_format_says(wanted: ExportFormat, rule: Any, refuses: bool) -> None:
    code = code_of(rule)
    if code == "devices_shared":
        assert codes(wanted, THREE, request(), **SHARED_NAME)[0] == {code}
        return
    refused, lost = codes(wanted, *CASES[code])
    if refuses:
        assert code in refused
    elif not refused:
        assert code in lost
    else:  # refused for another reason: then the fact itself is asked
        assert list(rule(subject_of(asked_of(wanted, *CASES[code]))))


@pytest.mark.parametrize("wanted", [ExportFormat.TORCH_PIPELINING, ExportFormat.DEEPSPEED])
def test_a_plan_that_a_format_can_say_in_full_has_no_warning(wanted: ExportFormat) -> None:
    asked = request(workload=TRAINING)
    refused, lost = codes(wanted, stages(("phone", 0, 6)), asked)
    assert (refused, lost) == (set(), set())


def test_every_rule_has_a_case_and_every_rule_belongs_to_a_format() -> None:
    assert set(CASES) | {"devices_shared"} == RULES
    written = {name for module in (facts_of_plans, facts_of_models) for name, found in vars(module).items()
               if callable(found) and found.__module__ == module.__name__ and not name.startswith("_")}  # fmt: skip
    assert written == RULES


def test_every_format_of_the_wire_is_in_the_registry() -> None:
    assert set(FORMATS) == set(ExportFormat) == {entry.format for entry in formats()}
    assert all(known.name is name for name, known in FORMATS.items())


def test_a_refusal_points_to_the_stage_and_says_why() -> None:
    with pytest.raises(CannotSay) as cannot:
        exported("vllm", U_SHAPED)
    pointers = {fault.code: (fault.pointer, fault.message) for fault in cannot.value.faults}
    assert pointers["u_shape"] == ("/stages/2", "phone runs layers 0..2 and 5..6; a rank has one run of blocks")


@pytest.mark.parametrize(
    ("placed", "pointer", "code"),
    [
        (stages(("phone", 0, 2), ("edge", 3, 6)), "/stages/1/first_layer", "not_consecutive"),
        (stages(("phone", 0, 2), ("edge", 2, 5)), "/stages/1/stop_layer", "not_consecutive"),
        (stages(("phone", 0, 2), ("edge", 2, 7)), "/stages/1/stop_layer", "not_consecutive"),
        (stages(("edge", 0, 2), ("phone", 2, 3), ("edge", 3, 6)), "/stages/2/node", "node_twice"),
        (stages(("phone", 0, 2), ("phone", 2, 6)), "/stages/1/node", "node_twice"),
    ],
)
def test_stages_that_are_no_placement_are_refused(placed: list[dict[str, Any]], pointer: str, code: str) -> None:
    with pytest.raises(InvalidInput) as invalid:
        exported("kubernetes", placed)
    assert [(fault.pointer, fault.code) for fault in invalid.value.faults] == [(pointer, code)]


def test_a_class_that_is_named_makes_layers_exportable_that_say_nothing_of_their_modules() -> None:
    asked = request(given("embedding", *["block"] * 4, "head"))
    made = exported("torch-pipelining", THREE, asked, architecture="Qwen3ForCausalLM")
    assert '"model.layers.1": "BEGINNING"' in made.content
    with pytest.raises(InvalidInput, match="known are LlamaForCausalLM"):
        exported("torch-pipelining", THREE, asked, architecture="NoSuchForCausalLM")


def rows() -> dict[str, list[str]]:
    """The tables of docs/export.md: by code, a cell per format."""
    section = PAGE.read_text().partition("\n## What each format cannot say\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", section, flags=re.MULTILINE)
    return {code: [cell.strip() for cell in cells.split("|")] for code, cells in lines}


def test_the_page_says_of_every_fact_and_format_what_happens() -> None:
    documented = rows()
    assert set(documented) == RULES
    for code, cells in documented.items():
        told = []
        for known in FORMATS.values():
            refused = code in {code_of(rule) for rule in known.refused}
            lost = code in {code_of(rule) for rule in known.lost}
            told.append("error" if refused else "warning" if lost else "")
        assert cells == told, code
