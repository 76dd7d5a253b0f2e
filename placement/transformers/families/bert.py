"""BERT: an encoder with learned positions, token types and normalisation behind each branch."""

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
    Role,
)
from placement.transformers.config_reader import MAX_HEADS, MAX_WIDTH, ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family

HEADS = {
    "BertModel": HeadKind.HIDDEN,
    "BertForMaskedLM": HeadKind.MASKED_LANGUAGE,
    "BertForSequenceClassification": HeadKind.SEQUENCE_CLASSES,
    "BertForTokenClassification": HeadKind.TOKEN_CLASSES,
    "BertForQuestionAnswering": HeadKind.SPAN,
}


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block as GPT-2's: 4 d^2 + 2 d f + 4 d + f + d + 4 d."""
    reader.refuse_true("is_decoder", "BERT as a decoder is not covered")
    reader.refuse_true("add_cross_attention", "cross attention is not covered")
    hidden = pieces.width(reader, "hidden_size", default=768)
    layers = pieces.layer_count(reader, "num_hidden_layers", default=12)
    heads = reader.count("num_attention_heads", default=12, maximum=MAX_HEADS)
    intermediate = pieces.width(reader, "intermediate_size", default=3072)
    vocabulary = pieces.vocabulary(reader, 30522)
    positions = pieces.position_count(reader, "max_position_embeddings", default=512)
    token_types = reader.count("type_vocab_size", default=2, maximum=MAX_WIDTH)
    activation = reader.word("hidden_act", default="gelu", known=pieces.NONLINEARITY_TENSORS)
    dropout = reader.probability("hidden_dropout_prob", default=0.1) > 0
    head_dim = pieces.divided(reader, hidden, heads, "num_attention_heads")
    block = Block(
        hidden=hidden,
        attention=Attention(
            heads,
            heads,
            head_dim,
            causal=False,
            float32_softmax=False,
            dropout=reader.probability("attention_probs_dropout_prob", default=0.1) > 0,
        ),
        matrices=(
            Matrix(("query",), Role.QUERY, hidden, hidden, bias=True),
            Matrix(("key",), Role.KEY, hidden, hidden, bias=True),
            Matrix(("value",), Role.VALUE, hidden, hidden, bias=True),
            Matrix(("dense",), Role.ATTENTION_OUTPUT, hidden, hidden, bias=True),
            Matrix(("dense",), Role.MLP_IN, hidden, intermediate, bias=True),
            Matrix(("dense",), Role.MLP_OUT, intermediate, hidden, bias=True),
        ),
        norm=NormKind.LAYER,
        gated=False,
        nonlinearity_tensors=pieces.NONLINEARITY_TENSORS[activation],
        residual_dropout=dropout,
    )
    return Architecture(
        embedding=Embedding(hidden, vocabulary, positions, token_types, norm=NormKind.LAYER, dropout=dropout),
        blocks=(block,) * layers,
        head=_head(reader, kind, hidden, vocabulary),
        max_positions=positions,
    )


def _head(reader: ConfigReader, kind: HeadKind, hidden: int, vocabulary: int) -> Head:
    """Pooler d^2 + d; classifier on it; transform, LayerNorm and tied decoder with bias; or a matrix per token."""
    pooler = HeadMatrix(hidden, hidden, bias=True)
    if kind is HeadKind.MASKED_LANGUAGE:
        tied = reader.flag("tie_word_embeddings", default=True, inherit=True)
        decoder = HeadMatrix(hidden, vocabulary, bias=True, tied=tied)
        return Head(kind, hidden, (HeadMatrix(hidden, hidden, bias=True), decoder), NormKind.LAYER)
    if kind is HeadKind.SEQUENCE_CLASSES:
        return Head(kind, hidden, (pooler, HeadMatrix(hidden, pieces.class_count(reader), bias=True)))
    if kind is HeadKind.HIDDEN:
        return Head(kind, hidden, (pooler,))
    return Head(kind, hidden, (HeadMatrix(hidden, pieces.class_count(reader), bias=True),))


FAMILY = Family("bert", "BERT", HEADS, read, ("query", "value"))
