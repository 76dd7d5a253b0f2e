"""From domain types to bodies, and back; and what operations answer beside domain types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from models.base import DomainType
from models.plan import Envelope, Stage
from models.request import PlacedStage
from models.service import PlanEntry
from models.stage_span import StageSpan
from placement.client.errors import InvalidRequest, UnexpectedAnswer
from placement.client.steps import Reply

A = TypeVar("A", bound=Envelope)
D = TypeVar("D", bound=DomainType)
AnyStage = Stage | StageSpan | PlacedStage | Mapping[str, Any]
_PLACE = ("node", "level", "first_layer", "stop_layer")
"""What of a stage says where it is."""


@dataclass(frozen=True, slots=True)
class Handle(Generic[A]):
    """What a request that was taken in will be answered under, and with: keep it, also in another process."""

    id: str
    answers: type[A]
    """`Plan`, `Frontier` or `Comparison`."""


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Some plans of a list, newest first."""

    plans: tuple[PlanEntry, ...]
    next_cursor: str | None
    """`cursor` of the next page; None on the last one."""


def body_of(request: BaseModel | Mapping[str, Any]) -> bytes:
    """A request as JSON. Of a domain type only what was given: the defaults are the service's."""
    if isinstance(request, BaseModel):
        return request.model_dump_json(exclude_unset=True).encode()
    try:
        return to_json(dict(request))
    except PydanticSerializationError as error:
        raise InvalidRequest(f"the request cannot be written as JSON: {error}") from None


def body_with_stages(request: BaseModel | Mapping[str, Any], stages: Sequence[AnyStage] | None) -> bytes:
    """A request with a placement beside it, unless it holds one already."""
    if stages is None:
        return body_of(request)
    asked = request.model_dump(mode="json", exclude_unset=True) if isinstance(request, BaseModel) else request
    return body_of({**asked, "stages": [_place_of(stage) for stage in stages]})


def _place_of(stage: AnyStage) -> dict[str, Any]:
    said: Mapping[str, Any] = stage if isinstance(stage, Mapping) else to_jsonable_python(stage)
    return {name: said[name] for name in _PLACE if said.get(name) is not None}


def read(kind: type[D], reply: Reply) -> D:
    """An answer as a domain type. Fields that a later release added are left out; raises `UnexpectedAnswer`."""
    try:
        return kind.model_validate_json(reply.body, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        message = f"the answer is no {kind.__name__}: {first['msg']} at /{place}"
        raise UnexpectedAnswer(message, reply) from None
