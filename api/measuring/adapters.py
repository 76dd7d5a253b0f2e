"""Low-rank adapters (LoRA) in the blocks of a model: peft's modules, with values that depend on nothing but a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import transformers
from torch import nn

from api.measuring.transformer_families import Family
from models.base import Fault, InvalidInput
from placement.transformers.adaptation import ALL_LINEAR


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters of rank r beside the matrices of these names: W x + B A x, A random, B = 0 to begin with."""

    family: Family
    rank: int
    targets: tuple[str, ...]

    def inject(self, block: nn.Module, generator: torch.Generator) -> None:
        """Put adapters into a block. Raises `InvalidInput` for targets that the block does not have."""
        from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  (an extra of its own, slow to import)

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.rank,
            target_modules=self._names_in(block),
            fan_in_fan_out=self.family.columns_first,
        )
        inject_adapter_in_model(config, block)
        for name, parameter in block.named_parameters():
            if "lora_A" in name:
                nn.init.kaiming_uniform_(parameter, a=math.sqrt(5), generator=generator)

    def _names_in(self, block: nn.Module) -> list[str]:
        """Names of the matrices to adapt; experts, which the library keeps as one tensor, are none of them."""
        kinds = nn.Linear | transformers.pytorch_utils.Conv1D
        known = {name.rpartition(".")[2] for name, module in block.named_modules() if isinstance(module, kinds)}
        if ALL_LINEAR not in self.targets:
            unknown = sorted(set(self.targets) - known)
        elif self.family.experts is None:
            return sorted(known)
        else:
            unknown = [ALL_LINEAR]
        if unknown:
            there = ", ".join(sorted(known))
            message = (
                f"model.fine_tuning.target_modules: {', '.join(unknown)} cannot be adapted in a block as the library "
                f"builds it; there are {there}"
            )
            raise InvalidInput([Fault("/model/fine_tuning/target_modules", "unsupported", message, None, there)])
        return list(self.targets)
