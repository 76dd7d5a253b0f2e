"""From measured pieces to a request: nodes, links and a model, put together with a workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.base import DomainType
from models.cluster import NodeKind


class UnknownPiece(ValueError):
    """A document is no piece of a request; the message says what is."""


@dataclass(slots=True)
class Pieces:
    """What documents hold, sorted; `add` takes measurements and the bare objects of a request alike."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    """Measured models, `reports` beside `model`."""

    def add(self, body: dict[str, Any]) -> None:
        """Sort a document in. Raises `UnknownPiece`."""
        if isinstance(body.get("node"), dict):
            self.nodes.append(body["node"])
        elif isinstance(body.get("link"), dict):
            self.links.append(body["link"])
        elif isinstance(body.get("model"), dict):
            self.models.append(body)
        elif "layers" in body or "huggingface_config" in body or "catalogue" in body:
            self.models.append({"model": body, "reports": []})
        elif {"id", "memory_bytes"} <= body.keys():
            self.nodes.append(body)
        elif {"source", "target", "bandwidth_bits_per_s"} <= body.keys():
            self.links.append(body)
        else:
            raise UnknownPiece("it is no measured node, link or model, nor a node, link or model of a request")


class Use(DomainType):
    """What the joined request is for; None leaves the request's default."""

    kind: str = "inference"
    source: str | None = None
    output_tokens: int | None = None
    micro_batches: int | None = None
    schedule: str | None = None
    objective: str | None = None


class NoSource(ValueError):
    """Which node the input comes from is not clear; the message says what to do."""


def joined(pieces: Pieces, model: Mapping[str, Any], use: Use) -> dict[str, Any]:
    """The body of a request; its rules are checked by whoever parses it. Raises `NoSource`."""
    workload = {
        "kind": use.kind,
        "source": use.source or _source(pieces.nodes),
        "output_tokens": use.output_tokens,
        "micro_batches": use.micro_batches,
        "schedule": use.schedule,
    }
    body: dict[str, Any] = {
        "cluster": {"nodes": pieces.nodes, "links": pieces.links},
        "model": dict(model),
        "workload": {name: value for name, value in workload.items() if value is not None},
    }
    return body if use.objective is None else body | {"objective": {"kind": use.objective}}


def _source(nodes: Sequence[Mapping[str, Any]]) -> str:
    """The only terminal."""
    terminals = [str(node.get("id")) for node in nodes if node.get("kind") == NodeKind.TERMINAL]
    if len(terminals) != 1:
        found = f"{len(terminals)} nodes are" if terminals else "no node is"
        raise NoSource(f"{found} of kind terminal: say by --source which node the input comes from")
    return terminals[0]
