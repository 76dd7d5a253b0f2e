"""Transformers of the catalogue. Their totals are checked against profiles in tests/placement/transformers."""

import json

import pytest

from models import InvalidInput
from placement import catalogue


def test_totals_are_made_of_blocks_and_the_rest():
    for entry in catalogue.transformers():
        config = entry.huggingface_config
        blocks = config.get("num_hidden_layers") or config["n_layer"]
        assert entry.parameters == blocks * entry.parameters_per_block + entry.parameters_outside_blocks
        assert config["model_type"] == entry.family


def test_entries_survive_json():
    for entry in catalogue.transformers():
        assert type(entry).model_validate_json(entry.model_dump_json()) == entry


def test_shapes_from_background_knowledge_are_marked():
    assert any("background" in note for note in catalogue.transformer("llama-3-70b").weak)
    assert any("max_position_embeddings" in note for note in catalogue.transformer("llama-2-7b").weak)
    assert catalogue.transformer("gpt2").weak == ()


def test_the_catalogue_is_read_once():
    assert catalogue.transformers() is catalogue.transformers()


def test_an_unknown_model_is_answered_with_near_ones_and_never_echoed_at_length():
    with pytest.raises(InvalidInput, match="did you mean gpt2"):
        catalogue.transformer("GPT-2")
    with pytest.raises(InvalidInput) as caught:
        catalogue.transformer("x" * 200)
    assert "xxxx" not in json.dumps([fault.message for fault in caught.value.faults])
