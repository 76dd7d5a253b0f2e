"""Where the modules of a Transformer are: paths in the classes of the transformers library (release 5).

A path is that of `named_modules()`. The layers of a profile map onto them in order: the embedding, block by block, the
head. Rotary positions and dropout count to the embedding: they have no weights, but run with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModulePaths:
    """Paths of one class."""

    embedding: tuple[str, ...]
    block: str
    """Path of block k, with {} for k."""
    head: tuple[str, ...]
    """In the order in which they run."""

    def blocks(self, count: int) -> tuple[str, ...]:
        """Paths of all blocks."""
        return tuple(self.block.format(k) for k in range(count))


@dataclass(frozen=True, slots=True)
class _Body:
    """What the classes of a family share: paths within the bare model, and what the task classes call that model."""

    inner: str
    embedding: tuple[str, ...]
    block: str
    behind: tuple[str, ...]
    """Behind the last block, within the bare model, in every class."""
    tasks: Mapping[str, tuple[str, ...]]
    """By class: what comes behind that, outside the bare model. Paths that begin with "." are within it."""


_DECODER_TASKS = {"ForCausalLM": ("lm_head",), "ForSequenceClassification": ("score",), "Model": ()}
_DECODERS = {
    **dict.fromkeys(("Llama", "Mistral", "Mixtral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Phi3"), ("norm", ())),
    "Phi": ("final_layernorm", ("embed_dropout",)),
}


def _decoder(prefix: str, norm: str, further: tuple[str, ...]) -> _Body:
    tasks = {f"{prefix}{task}": head for task, head in _DECODER_TASKS.items()}
    return _Body("model", ("embed_tokens", "rotary_emb", *further), "layers.{}", (norm,), tasks)


_BODIES = (
    *(_decoder(prefix, *parts) for prefix, parts in _DECODERS.items()),
    _Body(
        "transformer",
        ("wte", "wpe", "drop"),
        "h.{}",
        ("ln_f",),
        {"GPT2LMHeadModel": ("lm_head",), "GPT2ForSequenceClassification": ("score",), "GPT2Model": ()},
    ),
    _Body(
        "bert",
        ("embeddings",),
        "encoder.layer.{}",
        (),
        {
            "BertModel": (".pooler",),
            "BertForMaskedLM": ("cls",),
            "BertForSequenceClassification": (".pooler", "dropout", "classifier"),
            "BertForTokenClassification": ("dropout", "classifier"),
            "BertForQuestionAnswering": ("qa_outputs",),
        },
    ),
    _Body(
        "vit",
        ("embeddings",),
        "layers.{}",
        ("layernorm",),
        {"ViTForImageClassification": ("classifier",), "ViTModel": (".pooler",)},
    ),
)


def known_classes() -> tuple[str, ...]:
    """Every class whose modules are known."""
    return tuple(name for body in _BODIES for name in body.tasks)


def paths_of(class_name: str) -> ModulePaths | None:
    """The modules of a class; None for a class that is not known."""
    body = next((body for body in _BODIES if class_name in body.tasks), None)
    if body is None:
        return None
    bare = class_name.endswith("Model") and not class_name.endswith("LMHeadModel")
    prefix = "" if bare else f"{body.inner}."
    head = [prefix + path for path in body.behind]
    head += [prefix + path[1:] if path.startswith(".") else path for path in body.tasks[class_name]]
    return ModulePaths(tuple(prefix + path for path in body.embedding), prefix + body.block, tuple(head))
