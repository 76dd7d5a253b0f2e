"""Transformers: configs that give exactly the parameter totals stated beside them."""

from __future__ import annotations

from models.catalogue import MeasuredFlops, TransformerEntry
from placement.catalogue.reading import Facts, packaged, provenance


def build_transformers() -> tuple[TransformerEntry, ...]:
    """All Transformers of the catalogue."""
    return tuple(_transformer(entry) for entry in packaged("transformers.json")["transformers"])


def _transformer(entry: Facts) -> TransformerEntry:
    origin = {"shape_sources": entry["shape_sources"], "parameter_sources": entry["parameter_sources"]}
    return TransformerEntry(
        **{name: entry[name] for name in ("id", "hf_id", "family", "huggingface_config")},
        parameters=entry["parameters"],
        parameters_per_block=entry["parameters_per_block"],
        parameters_outside_blocks=entry["parameters_outside_blocks"],
        measured_flops=_measured(entry.get("measured_flops")),
        shape_provenance=provenance(origin, key="shape_sources"),
        parameters_provenance=provenance(origin, key="parameter_sources"),
        weak=tuple(entry["weak"]),
    )


def _measured(facts: Facts | None) -> MeasuredFlops | None:
    if facts is None:
        return None
    counted = {name: facts[name] for name in ("sequence_length", "block_forward_flops", "block_backward_flops")}
    return MeasuredFlops(**counted, **dict(provenance(facts)))
