"""What a Transformer is made of: an embedding, blocks, a head. Shapes only, no costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tensor(StrEnum):
    """A tensor inside a block that matrices read."""

    BLOCK_INPUT = "block_input"
    """The (normalised) input of the block."""
    ATTENTION_OUTPUT = "attention_output"
    MLP_INPUT = "mlp_input"
    """The (normalised) sum of the block's input and its attention branch."""
    MLP_HIDDEN = "mlp_hidden"
    """The MLP's intermediate values, after the nonlinearity."""


class Role(StrEnum):
    """What a matrix of a block computes."""

    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    QUERY_KEY_VALUE = "query_key_value"
    ATTENTION_OUTPUT = "attention_output"
    ROUTER = "router"
    MLP_IN = "mlp_in"
    MLP_OUT = "mlp_out"


class NormKind(StrEnum):
    """How activations are normalised, which decides parameters and what is kept for the backward pass."""

    LAYER = "layer"
    """LayerNorm: scale and shift; keeps its input."""
    RMS = "rms"
    """RMSNorm as in Llama: scale only; keeps a float32 copy of its input, and its normalised values if it trains."""
    RMS_FLOAT32 = "rms_float32"
    """RMSNorm as in Gemma: as RMS, but the normalised values stay in float32."""

    @property
    def vectors(self) -> int:
        """Parameters per unit of width."""
        return 2 if self is NormKind.LAYER else 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """`copies` matrices of inputs x outputs, `active` of which every token passes (experts; else 1 of 1)."""

    names: tuple[str, ...]
    """Module names, the current one first, as LoRA targets name them."""
    role: Role
    inputs: int
    outputs: int
    bias: bool = False
    copies: int = 1
    active: int = 1

    @property
    def weights(self) -> int:
        """Entries of all copies, without biases."""
        return self.copies * self.inputs * self.outputs

    @property
    def biases(self) -> int:
        """Bias entries of all copies."""
        return self.copies * self.outputs if self.bias else 0

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases


@dataclass(frozen=True, slots=True)
class Attention:
    """Scaled dot-product attention of `heads` query heads over `kv_heads` key and value heads."""

    heads: int
    kv_heads: int
    head_dim: int
    causal: bool = True
    window: int | None = None
    """Tokens that a token may attend to, itself included; None: all."""
    normalised_heads: NormKind | None = None
    """Queries and keys are normalised per head (Qwen3, optionally Phi)."""
    float32_softmax: bool = True
    dropout: bool = False

    @property
    def query_width(self) -> int:
        """Heads x head_dim (a d_h): width of queries and of the attention's output."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Key-value heads x head_dim (g d_h): width of keys, and of values."""
        return self.kv_heads * self.head_dim

    @property
    def parameters(self) -> int:
        """Scales (and shifts) of the per-head normalisation of queries and keys."""
        return 0 if self.normalised_heads is None else 2 * self.normalised_heads.vectors * self.head_dim


@dataclass(frozen=True, slots=True)
class Block:
    """One Transformer block."""

    hidden: int
    attention: Attention
    matrices: tuple[Matrix, ...]
    norm: NormKind
    norms: int = 2
    parallel: bool = False
    """Attention and MLP both read the block's input (Phi-2) instead of one after the other."""
    gated: bool = True
    """Two matrices enter the MLP, one of them through the nonlinearity."""
    nonlinearity_tensors: int = 1
    """Intermediate tensors that the nonlinearity keeps for its gradient (gelu_new, unfused: 4; fused ones: 1)."""
    residual_dropout: bool = False

    @property
    def vectors(self) -> int:
        """Parameters outside matrices and their biases: the normalisations."""
        return self.norms * self.norm.vectors * self.hidden + self.attention.parameters

    @property
    def parameters(self) -> int:
        """All parameters of the block."""
        return self.vectors + sum(matrix.parameters for matrix in self.matrices)

    def reads(self, matrix: Matrix) -> Tensor:
        """The tensor that a matrix multiplies."""
        if matrix.role is Role.ATTENTION_OUTPUT:
            return Tensor.ATTENTION_OUTPUT
        if matrix.role is Role.MLP_OUT:
            return Tensor.MLP_HIDDEN
        if matrix.role in (Role.MLP_IN, Role.ROUTER) and not self.parallel:
            return Tensor.MLP_INPUT
        return Tensor.BLOCK_INPUT

    @property
    def mlp_out(self) -> Matrix:
        """The matrix that leaves the MLP; its inputs are the intermediate width."""
        return next(matrix for matrix in self.matrices if matrix.role is Role.MLP_OUT)


@dataclass(frozen=True, slots=True)
class Patches:
    """An image cut into patches, each mapped to a token by one matrix."""

    channels: int
    image: tuple[int, int]
    patch: tuple[int, int]

    @property
    def count(self) -> int:
        """Patches per image."""
        return (self.image[0] // self.patch[0]) * (self.image[1] // self.patch[1])

    @property
    def values(self) -> int:
        """Pixel values per patch: the inputs of the patch matrix."""
        return self.channels * self.patch[0] * self.patch[1]

    @property
    def image_values(self) -> int:
        """Pixel values per image."""
        return self.channels * self.image[0] * self.image[1]


@dataclass(frozen=True, slots=True)
class Embedding:
    """Everything before the first block: token and position tables, or patches."""

    hidden: int
    vocabulary: int = 0
    positions: int = 0
    """Rows of a learned position table; 0 for rotary positions."""
    token_types: int = 0
    class_tokens: int = 0
    patches: Patches | None = None
    norm: NormKind | None = None
    dropout: bool = False

    @property
    def patch_weights(self) -> int:
        """Entries of the patch matrix."""
        return 0 if self.patches is None else self.patches.values * self.hidden

    @property
    def parameters(self) -> int:
        """All parameters before the first block."""
        rows = self.vocabulary + self.positions + self.token_types + self.class_tokens
        patch_bias = 0 if self.patches is None else self.hidden
        norm = 0 if self.norm is None else self.norm.vectors * self.hidden
        return rows * self.hidden + self.patch_weights + patch_bias + norm


class HeadKind(StrEnum):
    """What comes out behind the last block."""

    LANGUAGE = "language"
    """Next-token logits; generates."""
    MASKED_LANGUAGE = "masked_language"
    SEQUENCE_CLASSES = "sequence_classes"
    """One row of class scores per sequence or image."""
    TOKEN_CLASSES = "token_classes"  # noqa: S105 (the name of a head, no secret)
    SPAN = "span"
    """Start and end of an answer."""
    HIDDEN = "hidden"
    """No task head: one vector per sequence, pooled where the model has a pooler."""

    @property
    def reads_every_token(self) -> bool:
        """Whether the head needs every token's hidden state even in inference."""
        return self in (HeadKind.MASKED_LANGUAGE, HeadKind.TOKEN_CLASSES, HeadKind.SPAN)


@dataclass(frozen=True, slots=True)
class HeadMatrix:
    """A matrix behind the last block; `tied`: it is the embedding's token table."""

    inputs: int
    outputs: int
    bias: bool = False
    tied: bool = False

    @property
    def weights(self) -> int:
        """Entries without the bias."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Entries with the bias."""
        return self.weights + (self.outputs if self.bias else 0)


@dataclass(frozen=True, slots=True)
class Head:
    """Everything behind the last block: a normalisation and matrices, applied one after the other."""

    kind: HeadKind
    hidden: int
    matrices: tuple[HeadMatrix, ...] = ()
    norm: NormKind | None = None

    @property
    def parameters(self) -> int:
        """All parameters behind the last block, a tied matrix included."""
        norm = 0 if self.norm is None else self.norm.vectors * self.hidden
        return norm + sum(matrix.parameters for matrix in self.matrices)

    @property
    def tied_weights(self) -> int:
        """Entries shared with the embedding."""
        return sum(matrix.weights for matrix in self.matrices if matrix.tied)

    @property
    def outputs(self) -> int:
        """Width of what comes out."""
        return self.matrices[-1].outputs if self.matrices else self.hidden

    def tokens_read(self, sequence: int, *, training: bool) -> int:
        """Tokens per sequence whose hidden state the head needs: one, or all of them."""
        every = self.kind.reads_every_token or (training and self.kind is HeadKind.LANGUAGE)
        return sequence if every else 1


@dataclass(frozen=True, slots=True)
class Architecture:
    """A Transformer's shape."""

    embedding: Embedding
    blocks: tuple[Block, ...]
    head: Head
    max_positions: int | None = None
    """Longest sequence the positions were made for; None where the input's shape decides (images)."""

    @property
    def parameters(self) -> int:
        """Parameters in all, tied ones once."""
        blocks = sum(block.parameters for block in self.blocks)
        return self.embedding.parameters + blocks + self.head.parameters - self.head.tied_weights

    @property
    def generates(self) -> bool:
        """Whether tokens can be generated one by one."""
        return self.head.kind is HeadKind.LANGUAGE
