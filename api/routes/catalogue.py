"""GET /catalogue: Transformers, devices and kinds of link, with figures and their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from api.openapi import answers
from api.problems import Problem, ProblemType
from api.service import json_response
from api.wire import LinkCatalogue, ModelCatalogue, NodeCatalogue
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from placement import catalogue

_FAILURES = (ProblemType.NOT_FOUND, ProblemType.INTERNAL_ERROR)


def router() -> APIRouter:
    """The endpoints for the catalogue: each list, and each entry by its id."""
    routes = APIRouter(prefix="/catalogue", tags=["catalogue"])

    @routes.get(
        "/models",
        operation_id="listModels",
        summary="List the Transformers",
        description="`model.catalogue` of a plan request takes an id of this list.",
        responses=answers(ModelCatalogue, "All Transformers"),
    )
    async def models() -> Response:
        return json_response(ModelCatalogue(models=catalogue.transformers()))

    @routes.get(
        "/models/{id}",
        operation_id="getModel",
        summary="Get one Transformer",
        responses=answers(TransformerEntry, "The Transformer", _first(catalogue.transformers()), _FAILURES),
    )
    async def model(id: str) -> Response:  # noqa: A002 - the name on the wire
        return _entry(_MODELS, id, "models")

    @routes.get(
        "/nodes",
        operation_id="listNodes",
        summary="List the devices",
        description="Peak and sustained rates, memory and power of phones, single-board computers and servers.",
        responses=answers(NodeCatalogue, "All devices"),
    )
    async def nodes() -> Response:
        return json_response(NodeCatalogue(nodes=catalogue.devices()))

    @routes.get(
        "/nodes/{id}",
        operation_id="getNode",
        summary="Get one device",
        responses=answers(DeviceEntry, "The device", _first(catalogue.devices()), _FAILURES),
    )
    async def node(id: str) -> Response:  # noqa: A002 - the name on the wire
        return _entry(_NODES, id, "nodes")

    @routes.get(
        "/links",
        operation_id="listLinks",
        summary="List the kinds of link",
        description="Rates both ways, round-trip times and radio power of mobile, wireless and wired links.",
        responses=answers(LinkCatalogue, "All kinds of link"),
    )
    async def links() -> Response:
        return json_response(LinkCatalogue(links=catalogue.links()))

    @routes.get(
        "/links/{id}",
        operation_id="getLink",
        summary="Get one kind of link",
        responses=answers(LinkEntry, "The kind of link", _first(catalogue.links()), _FAILURES),
    )
    async def link(id: str) -> Response:  # noqa: A002 - the name on the wire
        return _entry(_LINKS, id, "links")

    return routes


_MODELS: Mapping[str, BaseModel] = {entry.id: entry for entry in catalogue.transformers()}
_NODES: Mapping[str, BaseModel] = {entry.id: entry for entry in catalogue.devices()}
_LINKS: Mapping[str, BaseModel] = {entry.id: entry for entry in catalogue.links()}


def _entry(entries: Mapping[str, BaseModel], wanted: str, collection: str) -> Response:
    if wanted not in entries:
        raise Problem(
            ProblemType.NOT_FOUND, f"the catalogue has no entry of this id; GET /catalogue/{collection} lists all"
        )
    return json_response(entries[wanted])


def _first(entries: Sequence[Any]) -> dict[str, Any]:
    entry = entries[0]
    return {entry.id: {"value": entry.model_dump(mode="json")}}
