"""What trains: everything, or low-rank adapters (LoRA); and which tensors of a block then need a gradient."""

from __future__ import annotations

from dataclasses import dataclass

from models.base import Fault
from placement.transformers.architecture import Block, Matrix, Role, Tensor

ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Full fine-tuning, or LoRA of `rank` on the matrices named by `targets`."""

    full: bool
    rank: int = 0
    targets: frozenset[str] = frozenset()

    def adapts(self, matrix: Matrix) -> bool:
        """Whether a matrix gets an adapter; a name adapts every matrix that bears it."""
        return not self.full and (ALL_LINEAR in self.targets or not self.targets.isdisjoint(matrix.names))

    def trains(self, matrix: Matrix) -> bool:
        """Whether a gradient is computed for the matrix or its adapter."""
        return self.full or self.adapts(matrix)

    def adapter_parameters(self, matrix: Matrix) -> int:
        """Rank x (inputs + outputs), for every copy."""
        return self.rank * (matrix.inputs + matrix.outputs) * matrix.copies if self.adapts(matrix) else 0

    def trainable(self, block: Block) -> int:
        """Parameters of a block that train."""
        return block.parameters if self.full else sum(map(self.adapter_parameters, block.matrices))

    def adapters(self, block: Block) -> int:
        """Parameters that the adaptation adds to a block."""
        return sum(map(self.adapter_parameters, block.matrices))


@dataclass(frozen=True, slots=True)
class GradientFlow:
    """Which tensors of a block need a gradient, as automatic differentiation decides it."""

    tensors: frozenset[Tensor]
    query: bool
    key: bool
    value: bool
    mlp_branch: bool

    @property
    def attention(self) -> bool:
        """Whether a gradient passes through the attention."""
        return self.query or self.key or self.value


def gradient_flow(block: Block, adaptation: Adaptation, *, input_needs: bool) -> GradientFlow:
    """Follow the forward pass: an output needs a gradient if an input does or something on the way trains."""
    needs = {Tensor.BLOCK_INPUT: input_needs}

    def leaves(*roles: Role) -> bool:
        return any(
            needs[block.reads(matrix)] or adaptation.trains(matrix) for matrix in block.matrices if matrix.role in roles
        )

    query = leaves(Role.QUERY, Role.QUERY_KEY_VALUE)
    key = leaves(Role.KEY, Role.QUERY_KEY_VALUE)
    value = leaves(Role.VALUE, Role.QUERY_KEY_VALUE)
    needs[Tensor.ATTENTION_OUTPUT] = query or key or value
    needs[Tensor.MLP_INPUT] = input_needs or leaves(Role.ATTENTION_OUTPUT)
    needs[Tensor.MLP_HIDDEN] = leaves(Role.MLP_IN)
    mlp_branch = leaves(Role.MLP_OUT, Role.ROUTER)
    return GradientFlow(frozenset(t for t, needed in needs.items() if needed), query, key, value, mlp_branch)


def target_faults(targets: tuple[str, ...], block: Block) -> list[Fault]:
    """Target modules that no matrix of the model bears."""
    known = [*sorted({name for matrix in block.matrices for name in matrix.names}), ALL_LINEAR]
    return [
        Fault(
            f"/model/fine_tuning/target_modules/{index}",
            "unknown_target_module",
            f"model.fine_tuning.target_modules: this model has no matrix of that name; known: {', '.join(known)}",
            target if len(target) <= 60 else None,
            known,
        )
        for index, target in enumerate(targets)
        if target not in known
    ]
