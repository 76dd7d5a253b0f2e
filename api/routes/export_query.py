"""Query parameters of GET /plans/{id}/export/{format}: the options of an export, and how it is answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import Field, ValidationError
from pydantic.json_schema import WithJsonSchema

from api.plans.refusals import bad_parameter
from api.problems import Problem, ProblemType
from models.base import DomainType
from models.export import ExportOptions, PlainName, options_of_pairs
from models.problem_details import Violation
from models.units import Identifier
from models.violations import violations_of

_MANY = frozenset({"device", "address"})
_PARAMETERS = {"devices": "device", "addresses": "address"}
"""Options that are said by pairs, and the parameters that say them."""
_Pairs = Annotated[tuple[str, ...], Field(max_length=4096)]
_Pair = WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": "^.+=.+$"}})


class ExportQuery(DomainType):
    """The options of an export, and how it is answered."""

    raw: bool = False
    """Answer the file itself instead of an object around it."""
    device: Annotated[_Pairs, _Pair] = ()
    """NODE=NAME: what the runtime calls a node; may be given several times."""
    address: Annotated[_Pairs, _Pair] = ()
    """NODE=HOST:PORT: where a node is reached; may be given several times."""
    model_name: PlainName | None = None
    """What the runtime loads."""
    architecture: Identifier | None = None
    """Class of the model, such as LlamaForCausalLM, for models that are given as layers."""
    image: PlainName | None = None
    """Kubernetes: the container image that runs a stage."""

    @property
    def options(self) -> ExportOptions:
        """As POST /plan:export takes them; raises `ValidationError`, or `ValueError` for what is no pair."""
        named = {name: getattr(self, name) for name in ("model_name", "architecture", "image")}
        return options_of_pairs(self.device, self.address, **named)


def query_of(request: Request) -> ExportQuery:
    """The query as it was asked for; raises `Problem` (invalid-parameter)."""
    given: dict[str, object] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name not in _MANY and len(values) > 1:
            raise bad_parameter(name, "is given more than once", "repeated")
        given[name] = values if name in _MANY else values[0]
    try:
        query = ExportQuery.model_validate(given)
    except ValidationError as error:
        raise _refused(violations_of(error, given)) from None
    try:
        query.options  # noqa: B018 - whatever is wrong with the pairs is said here
    except ValidationError as error:
        raise _refused(violations_of(error, None)) from None
    except ValueError as error:
        raise bad_parameter("device or address", str(error), "pattern") from None
    return query


def _refused(found: list[Violation]) -> Problem:
    """Violations that name the parameter instead of a place in a body."""
    named = []
    for one in found:
        name, *node = one.pointer.split("/")[1:3]
        place = " ".join([_PARAMETERS.get(name, name), *node])
        named.append(one.model_copy(update={"pointer": "", "message": f"{place}: {one.message}"}))
    return Problem(ProblemType.INVALID_PARAMETER, "query parameters cannot be used", named)
