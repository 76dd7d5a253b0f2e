"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from models import Inference, InvalidInput, ModelSpec, Profile
from placement.transformers import families, profile
from placement.transformers.numerics import QUANTISED_BYTES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def opt(monkeypatch: pytest.MonkeyPatch) -> dict:
    """The family that the how-to page writes, registered as the page says."""
    page = (DOCS / "howto" / "add-a-model-family.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    module: dict = {}
    exec(compile(code, "opt.py", "exec"), module)
    monkeypatch.setattr(families, "FAMILIES", (*families.FAMILIES, module["FAMILY"]))
    return module


def derive(config: dict, **choices: object) -> Profile:
    return profile(ModelSpec(huggingface_config=config, **choices), Inference(kind="inference", source="phone"))


@pytest.mark.usefixtures("opt")
def test_the_family_of_the_how_to_page_has_the_counted_total():
    assert derive({"model_type": "opt"}).parameters == 125_239_296
    assert derive({"architectures": ["OPTForCausalLM"]}).parameters == 125_239_296


@pytest.mark.usefixtures("opt")
def test_the_family_of_the_how_to_page_refuses_what_it_does_not_cover():
    with pytest.raises(InvalidInput, match="word_embed_proj_dim"):
        derive({"model_type": "opt", "word_embed_proj_dim": 512})
    with pytest.raises(InvalidInput, match="the model has learned 2048"):
        derive({"model_type": "opt"}, sequence_length=2049)


def test_the_table_of_families_is_the_registry():
    page = (DOCS / "transformers.md").read_text()
    table = page[page.index("|---|") : page.index("Outside the blocks")]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == families.known_model_types()


def test_stated_bytes_per_quantised_weight_are_the_ones_used():
    page = (DOCS / "transformers.md").read_text()
    assert all(f"= {size:g}" in page or f"{size:.6f}" in page for size in QUANTISED_BYTES.values())
