"""Readings that several families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from placement.transformers.architecture import Attention, Head, HeadKind, HeadMatrix, Matrix, NormKind, Role
from placement.transformers.config_reader import (
    MAX_BLOCKS,
    MAX_CLASSES,
    MAX_HEADS,
    MAX_POSITIONS,
    MAX_VOCABULARY,
    MAX_WIDTH,
    ConfigReader,
    shown,
)

NONLINEARITY_TENSORS = {
    "gelu": 1,
    "gelu_fast": 4,
    "gelu_new": 4,
    "gelu_pytorch_tanh": 1,
    "quick_gelu": 2,
    "relu": 1,
    "silu": 1,
    "swish": 1,
    "tanh": 1,
}
"""Tensors kept for the gradient: 1 where one kernel computes the nonlinearity, 4 for gelu_new in its parts."""


@dataclass(frozen=True, slots=True)
class DecoderDefaults:
    """What the transformers library assumes for keys that a decoder's config leaves out."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    positions: int
    kv_heads: int | None = None
    """None: as many as heads."""
    head_dim: int | None = None
    """None: hidden / heads."""
    tied: bool = False
    activation: str = "silu"
    activation_key: str = "hidden_act"


def width(reader: ConfigReader, *keys: str, default: int) -> int:
    """A width of tensors."""
    return reader.count(*keys, default=default, maximum=MAX_WIDTH)


def layer_count(reader: ConfigReader, *keys: str, default: int) -> int:
    """The number of blocks."""
    return reader.count(*keys, default=default, maximum=MAX_BLOCKS)


def vocabulary(reader: ConfigReader, default: int) -> int:
    """Rows of the token table."""
    return reader.count("vocab_size", default=default, maximum=MAX_VOCABULARY)


def position_count(reader: ConfigReader, *keys: str, default: int) -> int:
    """The longest sequence the model was made for."""
    return reader.count(*keys, default=default, maximum=MAX_POSITIONS)


def class_count(reader: ConfigReader) -> int:
    """Classes of a classifier: the length of `id2label`, else `num_labels`, else 2 as in the library."""
    labels = reader.raw("id2label")
    if labels is None:
        return reader.count("num_labels", default=2, maximum=MAX_CLASSES)
    if not isinstance(labels, dict) or not labels:
        reader.fault("id2label", "wrong_type", "must be an object with one entry per class")
        return 1
    return len(labels)


def divided(reader: ConfigReader, hidden: int, heads: int, *heads_keys: str) -> int:
    """Hidden size / heads, which must come out even."""
    if hidden % heads and reader.sound("hidden_size", "n_embd", *heads_keys):
        key = next((key for key in heads_keys if reader.raw(key) is not None), heads_keys[0])
        reader.fault(key, "not_divisible", f"{heads} heads do not divide the hidden size {hidden}", hidden)
    return max(hidden // heads, 1)


def decoder_attention(
    reader: ConfigReader, hidden: int, defaults: DecoderDefaults, *, normalised_heads: NormKind | None = None
) -> Attention:
    """Grouped-query attention as decoders since Llama spell it."""
    heads = reader.count("num_attention_heads", default=defaults.heads, maximum=MAX_HEADS)
    default_kv_heads = heads if defaults.kv_heads is None else defaults.kv_heads
    kv_heads = reader.optional_count("num_key_value_heads", default=default_kv_heads, maximum=MAX_HEADS) or heads
    if heads % kv_heads and reader.sound("num_attention_heads", "num_key_value_heads"):
        reader.fault(
            "num_key_value_heads", "not_divisible", f"{kv_heads} key-value heads do not divide {heads} heads", heads
        )
    head_dim = reader.optional_count("head_dim", default=defaults.head_dim, maximum=MAX_WIDTH)
    if head_dim is None:
        head_dim = divided(reader, hidden, heads, "num_attention_heads")
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        normalised_heads=normalised_heads,
        dropout=reader.probability("attention_dropout", default=0.0) > 0,
    )


def separate_projections(
    attention: Attention, hidden: int, *, qkv_bias: bool, out_bias: bool, out_names: tuple[str, ...] = ("o_proj",)
) -> tuple[Matrix, ...]:
    """q_proj, k_proj, v_proj and the matrix that leaves the attention."""
    return (
        Matrix(("q_proj",), Role.QUERY, hidden, attention.query_width, qkv_bias),
        Matrix(("k_proj",), Role.KEY, hidden, attention.kv_width, qkv_bias),
        Matrix(("v_proj",), Role.VALUE, hidden, attention.kv_width, qkv_bias),
        Matrix(out_names, Role.ATTENTION_OUTPUT, attention.query_width, hidden, out_bias),
    )


def gated_mlp(hidden: int, intermediate: int, *, bias: bool = False) -> tuple[Matrix, ...]:
    """gate_proj, up_proj and down_proj."""
    return (
        Matrix(("gate_proj",), Role.MLP_IN, hidden, intermediate, bias),
        Matrix(("up_proj",), Role.MLP_IN, hidden, intermediate, bias),
        Matrix(("down_proj",), Role.MLP_OUT, intermediate, hidden, bias),
    )


def decoder_head(reader: ConfigReader, kind: HeadKind, norm: NormKind, language: HeadMatrix) -> Head:
    """Final normalisation, then the LM head (`tied` unless the config says otherwise), a classifier, or nothing."""
    hidden = language.inputs
    if kind is HeadKind.LANGUAGE:
        tied = reader.flag("tie_word_embeddings", default=language.tied, inherit=True)
        return Head(kind, hidden, (replace(language, tied=tied),), norm)
    if kind is HeadKind.SEQUENCE_CLASSES:
        return Head(kind, hidden, (HeadMatrix(hidden, class_count(reader)),), norm)
    return Head(kind, hidden, (), norm)


LAYER_TYPES = {"full_attention": False, "sliding_attention": True}


def windows(
    reader: ConfigReader, layers: int, window: int | None, slides: Callable[[int], bool]
) -> tuple[int | None, ...]:
    """The attention window of every block; `layer_types` overrides the library's rule `slides`."""
    types = reader.raw("layer_types")
    if types is None:
        return tuple(window if slides(k) else None for k in range(layers))
    if not isinstance(types, list) or len(types) != layers:
        reader.fault("layer_types", "shape", f"must be a list of {layers} entries, one per block", layers)
        return (None,) * layers
    for k, entry in enumerate(types):
        if not isinstance(entry, str) or entry not in LAYER_TYPES:
            reader.fault(
                "layer_types", "unsupported", f"entry {k} ({shown(entry)}) is none of {', '.join(LAYER_TYPES)}"
            )
            return (None,) * layers
    return tuple(window if LAYER_TYPES[entry] else None for entry in types)
