"""GPT-2: learned positions, one fused query-key-value matrix, tied head."""

from __future__ import annotations

from placement.transformers.architecture import (
    Architecture,
    Attention,
    Block,
    Embedding,
    HeadKind,
    HeadMatrix,
    Matrix,
    NormKind,
    Role,
)
from placement.transformers.config_reader import MAX_HEADS, MAX_WIDTH, ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family, decoder_heads


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: 4 d^2 + 2 d f + 4 d (biases of attention) + f + d (of the MLP) + 4 d (two LayerNorms)."""
    reader.refuse_true("add_cross_attention", "cross attention is not covered")
    hidden = pieces.width(reader, "n_embd", "hidden_size", default=768)
    layers = pieces.layer_count(reader, "n_layer", "num_hidden_layers", default=12)
    heads = reader.count("n_head", "num_attention_heads", default=12, maximum=MAX_HEADS)
    intermediate = reader.optional_count("n_inner", default=None, maximum=MAX_WIDTH) or 4 * hidden
    vocabulary = pieces.vocabulary(reader, 50257)
    positions = pieces.position_count(reader, "n_positions", "max_position_embeddings", default=1024)
    activation = reader.word("activation_function", default="gelu_new", known=pieces.NONLINEARITY_TENSORS)
    head_dim = pieces.divided(reader, hidden, heads, "n_head", "num_attention_heads")
    block = Block(
        hidden=hidden,
        attention=Attention(
            heads, heads, head_dim, float32_softmax=False, dropout=reader.probability("attn_pdrop", default=0.1) > 0
        ),
        matrices=(
            Matrix(("c_attn",), Role.QUERY_KEY_VALUE, hidden, 3 * hidden, bias=True),
            Matrix(("c_proj",), Role.ATTENTION_OUTPUT, hidden, hidden, bias=True),
            Matrix(("c_fc",), Role.MLP_IN, hidden, intermediate, bias=True),
            Matrix(("c_proj",), Role.MLP_OUT, intermediate, hidden, bias=True),
        ),
        norm=NormKind.LAYER,
        gated=False,
        nonlinearity_tensors=pieces.NONLINEARITY_TENSORS[activation],
        residual_dropout=reader.probability("resid_pdrop", default=0.1) > 0,
    )
    dropout = reader.probability("embd_pdrop", default=0.1) > 0
    return Architecture(
        embedding=Embedding(hidden, vocabulary, positions, dropout=dropout),
        blocks=(block,) * layers,
        head=pieces.decoder_head(reader, kind, NormKind.LAYER, HeadMatrix(hidden, vocabulary, tied=True)),
        max_positions=positions,
    )


FAMILY = Family("gpt2", "GPT-2", decoder_heads("GPT2", language="LMHeadModel"), read, ("c_attn",))
