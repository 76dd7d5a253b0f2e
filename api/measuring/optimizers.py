"""The optimizers of a request, as torch runs them: with a float32 master copy where weights have 16 bits."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.base import Fault, InvalidInput
from models.profile import Optimizer

LEARNING_RATE = 1e-4
"""Any: it decides nothing about time."""


class Updater:
    """Updates parameters from their gradients; 16-bit parameters by way of a float32 copy.

    Raises `InvalidInput` for 8-bit AdamW, which torch does not have.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], kind: Optimizer) -> None:
        self._parameters = parameters
        self._masters = [
            parameter if parameter.dtype is torch.float32 else parameter.detach().float() for parameter in parameters
        ]
        self._optimizer = _torch_optimizer(self._masters, kind)

    def step(self) -> None:
        """One update; gradients are cast to the master copy, the updated weights back."""
        copies = [
            (parameter, master)
            for parameter, master in zip(self._parameters, self._masters, strict=True)
            if master is not parameter
        ]
        for parameter, master in copies:
            master.grad = None if parameter.grad is None else parameter.grad.float()
        self._optimizer.step()
        with torch.no_grad():
            for parameter, master in copies:
                parameter.copy_(master)
                master.grad = None

    def zero_grad(self) -> None:
        """Release the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @property
    def state_bytes(self) -> int:
        """Bytes of states and master copies; step counters are not counted."""
        states = [value for state in self._optimizer.state.values() for value in state.values()]
        held = [state for state in states if isinstance(state, torch.Tensor) and state.dim() > 0]
        copies = [master for p, master in zip(self._parameters, self._masters, strict=True) if master is not p]
        return sum(tensor.numel() * tensor.element_size() for tensor in (*held, *copies))


def _torch_optimizer(parameters: Sequence[torch.Tensor], kind: Optimizer) -> torch.optim.Optimizer:
    if kind is Optimizer.ADAMW:
        return torch.optim.AdamW(parameters, lr=LEARNING_RATE)
    if kind is Optimizer.SGD:
        return torch.optim.SGD(parameters, lr=LEARNING_RATE)
    if kind is Optimizer.SGD_MOMENTUM:
        return torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=0.9)
    message = f"model.fine_tuning.optimizer: {kind.value} cannot be measured, torch has none of that kind"
    known = [one.value for one in Optimizer if one is not Optimizer.ADAMW_8BIT]
    raise InvalidInput([Fault("/model/fine_tuning/optimizer", "unsupported", message, kind.value, known)])
