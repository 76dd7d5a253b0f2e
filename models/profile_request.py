"""The request of POST /profiles: a model specification and what the model is used for."""

from __future__ import annotations

from models.profile import ModelSpec
from models.workload import Workload


class ProfileRequest(ModelSpec):
    """The `model` object of a plan request with its `workload` beside it; answered with the layers that follow."""

    workload: Workload
    """The same object as in POST /plan; it decides which passes the layers have."""
