"""What asks for a plan as a runtime reads it: of a plan that the service keeps, or of one that is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import quote

from pydantic import BaseModel

from models.plan import Plan
from placement.client.bodies import AnyStage, Handle, body_of
from placement.client.errors import InvalidRequest
from placement.client.steps import Call
from placement.client.waiting import path_of

Exportable = str | Handle[Plan] | Plan | Sequence[AnyStage]
_PARAMETERS = {"devices": "device", "addresses": "address"}
"""Options that are given by node, and what each entry is called in a query."""


class ExportSettings(TypedDict, total=False):
    """Keywords of `export`: what a format needs and a plan does not say. `export_formats` says which takes which."""

    devices: Mapping[str, str | int]
    """What the runtime calls each node: a device, a host, an id; default: the node's id."""
    addresses: Mapping[str, str]
    """Where each node is reached: host or host:port; default: the node's id."""
    model_name: str
    """What the runtime loads."""
    architecture: str
    """Class of a model that was given as layers: LlamaForCausalLM."""
    image: str
    """The container image that runs a stage."""


def export_call(
    plan: Exportable, form: str, request: BaseModel | Mapping[str, Any] | None, settings: ExportSettings
) -> Call:
    """GET of a plan that the service keeps; with a request, POST of the plan or the stages that are given."""
    if request is None:
        return Call("GET", f"{path_of(_id_of(plan))}/export/{quote(form, safe='')}", params=tuple(_params(settings)))
    if isinstance(plan, str | Handle):
        raise InvalidRequest("request: the service keeps that of this id; give the plan itself, or stages")
    asked = request.model_dump(mode="json", exclude_unset=True) if isinstance(request, BaseModel) else request
    given: dict[str, Any] = {"format": form, "options": dict(settings), "request": asked}
    if isinstance(plan, Plan):
        given["plan"] = {"id": plan.id, "status": plan.status, "stages": plan.stages}
    else:
        given["stages"] = tuple(plan)
    body = body_of(given)
    return Call("POST", "/plan:export", {"Content-Type": "application/json"}, body=body)


def _id_of(plan: Exportable) -> str:
    if isinstance(plan, str):
        return plan
    if isinstance(plan, Handle | Plan):
        return plan.id
    raise InvalidRequest("request: must be given with stages")


def _params(settings: ExportSettings) -> Iterator[tuple[str, str]]:
    """As a query says them, NODE=NAME; a name that would be cut there is refused."""
    for option, value in settings.items():
        if option not in _PARAMETERS:
            yield option, str(value)
            continue
        assert isinstance(value, Mapping)
        for node, name in value.items():
            if "=" in str(name):
                raise InvalidRequest(f"{option}: {node}: a name with = cannot be said without the request; give it too")
            yield _PARAMETERS[option], f"{node}={name}"
