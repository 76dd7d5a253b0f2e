"""What a sound request asks for, counted."""

from __future__ import annotations

from api.requests import name_of, sha256_of
from api.wire import Checked, RequestSummary
from models import CompareRequest, FrontierRequest, PlanRequest
from models.base import refuse
from models.request import layer_faults
from placement.transformers import profile as derived


def summary_of(asked: PlanRequest) -> RequestSummary:
    """What the request asks for; raises `InvalidInput` for faults that show only once the layers are derived."""
    profile = derived(asked.model, asked.workload)
    refuse(layer_faults(asked, profile.layers))
    return RequestSummary(
        model=profile.name,
        layers=len(profile.layers),
        weight_bytes=sum(layer.weight_bytes for layer in profile.layers),
        nodes=len(asked.cluster.nodes),
        links=_directed_links(asked),
        workload=asked.workload.kind,
        objective=asked.objective.kind,
        solver=asked.solver,
        sha256=sha256_of(asked),
        notes=profile.notes,
    )


def checked(asked: PlanRequest | CompareRequest) -> Checked:
    """`summary_of` what is to be solved; of a comparison the request that is varied, with the hash of the whole."""
    request = asked.request if isinstance(asked, CompareRequest) else asked
    summary = dict(summary_of(request)) | {"sha256": sha256_of(asked), "name": name_of(request)}
    return Checked(**summary, epsilon=request.frontier.epsilon if isinstance(request, FrontierRequest) else 0.0)


def _directed_links(asked: PlanRequest) -> int:
    matrix = asked.cluster.link_matrix
    if matrix is None:
        return sum(2 if link.bidirectional else 1 for link in asked.cluster.links)
    rows = enumerate(matrix.bandwidth_bits_per_s)
    return sum(rate is not None for i, row in rows for j, rate in enumerate(row) if i != j)
