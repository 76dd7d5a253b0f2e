"""ViT: image patches and a class token through a normalise-first encoder."""

from __future__ import annotations

from placement.transformers.architecture import (
    Architecture,
    Attention,
    Block,
    Embedding,
    Head,
    HeadKind,
    HeadMatrix,
    Matrix,
    NormKind,
    Patches,
    Role,
)
from placement.transformers.config_reader import MAX_HEADS, MAX_WIDTH, ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block as GPT-2's; outside: (3 p^2 + 1) d for patches, (patches + 2) d for positions and the class token."""
    hidden = pieces.width(reader, "hidden_size", default=768)
    layers = pieces.layer_count(reader, "num_hidden_layers", default=12)
    heads = reader.count("num_attention_heads", default=12, maximum=MAX_HEADS)
    intermediate = pieces.width(reader, "intermediate_size", default=3072)
    activation = reader.word("hidden_act", default="gelu", known=pieces.NONLINEARITY_TENSORS)
    dropout = reader.probability("hidden_dropout_prob", default=0.0) > 0
    qkv_bias = reader.flag("qkv_bias", default=True)
    head_dim = pieces.divided(reader, hidden, heads, "num_attention_heads")
    block = Block(
        hidden=hidden,
        attention=Attention(
            heads,
            heads,
            head_dim,
            causal=False,
            float32_softmax=False,
            dropout=reader.probability("attention_probs_dropout_prob", default=0.0) > 0,
        ),
        matrices=(
            Matrix(("q_proj", "query"), Role.QUERY, hidden, hidden, qkv_bias),
            Matrix(("k_proj", "key"), Role.KEY, hidden, hidden, qkv_bias),
            Matrix(("v_proj", "value"), Role.VALUE, hidden, hidden, qkv_bias),
            Matrix(("o_proj", "dense"), Role.ATTENTION_OUTPUT, hidden, hidden, bias=True),
            Matrix(("fc1", "dense"), Role.MLP_IN, hidden, intermediate, bias=True),
            Matrix(("fc2", "dense"), Role.MLP_OUT, intermediate, hidden, bias=True),
        ),
        norm=NormKind.LAYER,
        gated=False,
        nonlinearity_tensors=pieces.NONLINEARITY_TENSORS[activation],
        residual_dropout=dropout,
    )
    patches = _patches(reader)
    return Architecture(
        embedding=Embedding(hidden, positions=patches.count + 1, class_tokens=1, patches=patches, dropout=dropout),
        blocks=(block,) * layers,
        head=_head(reader, kind, hidden),
    )


def _patches(reader: ConfigReader) -> Patches:
    channels = reader.count("num_channels", default=3, maximum=1024)
    patches = Patches(channels, reader.pixels("image_size", default=224), reader.pixels("patch_size", default=16))
    if not patches.count and reader.sound("image_size", "patch_size"):
        reader.fault("patch_size", "out_of_range", "a patch is larger than the image", list(patches.image))
    return patches


def _head(reader: ConfigReader, kind: HeadKind, hidden: int) -> Head:
    """Final LayerNorm, then the classifier or the pooler."""
    if kind is HeadKind.SEQUENCE_CLASSES:
        outputs = pieces.class_count(reader)
    else:
        outputs = reader.optional_count("pooler_output_size", default=None, maximum=MAX_WIDTH) or hidden
    return Head(kind, hidden, (HeadMatrix(hidden, outputs, bias=True),), NormKind.LAYER)


FAMILY = Family(
    "vit",
    "ViT",
    {"ViTForImageClassification": HeadKind.SEQUENCE_CLASSES, "ViTModel": HeadKind.HIDDEN},
    read,
    ("q_proj", "v_proj"),
)
