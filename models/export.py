"""From a plan to what a runtime reads: what is asked for, and the text that comes out with what it cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from models.base import DomainType, Fault, pointer_to, refuse
from models.plan import Status
from models.request import PlacedStage, PlanRequest, stage_faults
from models.units import Identifier

MOST_STAGES = 4096


class ExportFormat(StrEnum):
    """What reads the plan."""

    ACCELERATE = "accelerate"
    """Hugging Face: a `device_map` for `from_pretrained` and `dispatch_model`, JSON."""
    TORCH_PIPELINING = "torch-pipelining"
    """torch.distributed.pipelining: `split_spec`, the rank of each stage, the schedule, JSON."""
    VLLM = "vllm"
    """vLLM: the environment variable VLLM_PP_LAYER_PARTITION."""
    LLAMA_CPP = "llama-cpp"
    """llama.cpp: `--n-gpu-layers`, `--rpc` and `--tensor-split`."""
    PETALS = "petals"
    """Petals: a server per node with its `--block_indices`, as a shell script."""
    EXO = "exo"
    """exo: shard assignments of an instance, JSON."""
    DNET = "dnet"
    """dnet: the body of POST /v1/prepare_topology_manual, JSON."""
    DEEPSPEED = "deepspeed"
    """DeepSpeed: a PipelineModule with the plan's boundaries, Python."""
    KUBERNETES = "kubernetes"
    """Kubernetes: a Deployment and a Service per stage, each bound to its node, JSON."""


_ADDRESS = re.compile(r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$")


def _host_and_port(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(
            "must be a host name or an address, with or without a port: edge-1, 10.0.0.2:50052, [fd00::2]:50052"
        )
    return text


Address = Annotated[
    str,
    StringConstraints(max_length=260),
    AfterValidator(_host_and_port),
    WithJsonSchema({"type": "string", "maxLength": 260, "pattern": _ADDRESS.pattern}),
]
"""A host name or address with an optional port: edge-1, 10.0.0.2:50052, [fd00::2]:50052."""
PLAIN_NAME = re.compile(r"^[!-,.-~]([ -~]{0,298}[!-~])?$")
PlainName = Annotated[str, StringConstraints(strict=True, pattern=PLAIN_NAME.pattern)]
"""Printable ASCII without blanks at its ends, not to be taken for an option: it ends up in scripts and files."""
MOST_DEVICES = 100_000


def _index_or_name(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_DEVICES:
        return value
    if isinstance(value, str) and PLAIN_NAME.fullmatch(value):
        return value
    message = f"must be an index from 0 to {MOST_DEVICES}, or printable ASCII that does not begin with a hyphen"
    raise ValueError(message)


_DEVICE_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MOST_DEVICES},
        {"type": "string", "pattern": PLAIN_NAME.pattern},
    ]
}
Device = Annotated[int | str, PlainValidator(_index_or_name), WithJsonSchema(_DEVICE_SCHEMA)]


class ExportOptions(DomainType):
    """What a format needs and a plan does not say."""

    devices: dict[Identifier, Device] = Field(default_factory=dict)
    """What the runtime calls each node: accelerate a device (0, "cuda:1", "cpu", "disk"), exo a node id, dnet the name
    of a shard, Kubernetes the host name of a node. Default: the node's id."""
    addresses: dict[Identifier, Address] = Field(default_factory=dict)
    """Where each node is reached: host or host:port (llama.cpp: of its RPC server, dnet: of its shard's HTTP port).
    Default: the node's id as a host name."""
    model_name: PlainName | None = None
    """What the runtime loads, such as a repository id. Default: the catalogue's, or the config's `_name_or_path`."""
    architecture: Identifier | None = None
    """Class of the model, such as LlamaForCausalLM, for models that are given as layers. Default: the config's."""
    image: PlainName | None = None
    """Kubernetes: the container image that runs a stage."""


class OptionName(StrEnum):
    """A field of `ExportOptions`."""

    DEVICES = "devices"
    ADDRESSES = "addresses"
    MODEL_NAME = "model_name"
    ARCHITECTURE = "architecture"
    IMAGE = "image"


def options_of_pairs(devices: Sequence[str], addresses: Sequence[str], **others: str | None) -> ExportOptions:
    """Options from texts NODE=NAME and NODE=ADDRESS, as queries and command lines have them; digits are an index.

    Raises `ValueError` for what is no pair, and pydantic's `ValidationError`, which is one, for what no option may be.
    """
    named = {node: int(name) if name.isdecimal() else name for node, name in _pairs(devices)}
    return ExportOptions.model_validate({"devices": named, "addresses": dict(_pairs(addresses)), **others})


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        node, sign, name = text.rpartition("=")
        if not (node and sign and name):
            raise ValueError("must be NODE=NAME")
        yield node, name


class StageMemory(DomainType):
    """What a stage fills, as an answered plan has it; its parts are ignored."""

    model_config = ConfigDict(extra="ignore")

    total_bytes: Annotated[float, Field(ge=0)]


class StageTransfer(DomainType):
    """The way to the next stage, as an answered plan has it; its figures are ignored."""

    model_config = ConfigDict(extra="ignore")

    route: tuple[Identifier, ...] = ()
    """Nodes from sender to receiver, relays between them."""


class ExportedStage(PlacedStage):
    """A stage of an answered plan, or of the caller's own; other fields of an answered stage are ignored."""

    memory: StageMemory | None = None
    transfer_to_next: StageTransfer | None = None


Stages = Annotated[tuple[ExportedStage, ...], Field(max_length=MOST_STAGES)]


class AnsweredPlan(DomainType):
    """A plan as it was answered; other fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    id: Identifier | None = None
    status: Status | None = None
    stages: Stages = ()


class ExportRequest(DomainType):
    """A plan, or stages of the caller's own, with the request that they belong to."""

    format: ExportFormat
    options: ExportOptions = ExportOptions()
    request: PlanRequest
    plan: AnsweredPlan | None = None
    """The answered plan, as it is."""
    stages: Annotated[Stages, Field(min_length=1)] | None = None
    """Instead of `plan`."""

    @property
    def placed(self) -> tuple[ExportedStage, ...]:
        """The stages, wherever they were given; none where the plan has none."""
        return self.stages if self.stages is not None else () if self.plan is None else self.plan.stages

    @property
    def place(self) -> str:
        """JSON pointer to the stages."""
        return "/stages" if self.stages is not None else "/plan/stages"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.plan is None) == (self.stages is None):
            raise ValueError("give exactly one of plan and stages")
        base = self.place.removesuffix("/stages")
        faults = [fault.below(base) for fault in stage_faults(self.request, self.placed)]
        known = {node.id for node in self.request.cluster.nodes}
        for field in ("devices", "addresses"):
            faults += [
                Fault(pointer_to("options", field, node), "unknown_node", f"options.{field}: unknown node {node}", node)
                for node in getattr(self.options, field)
                if node not in known
            ]
        refuse(faults)
        return self


class ExportWarning(DomainType):
    """Something that the plan says and the format cannot; what runs is placed as planned all the same."""

    code: str
    """Stable name of what is lost; all are listed in docs/export.md."""
    message: str
    stages: tuple[int, ...] = ()
    """Stages that it concerns, by index; none: the plan as a whole."""


class Export(DomainType):
    """A plan as a runtime reads it."""

    format: ExportFormat
    filename: str
    media_type: str
    content: str
    """The file, as text."""
    warnings: tuple[ExportWarning, ...] = ()
    """Everything that was lost."""
    usage: tuple[str, ...] = ()
    """How the file is used, line by line."""


class FormatOption(DomainType):
    """An option that a format takes; all others make no difference to it."""

    name: OptionName
    meaning: str
    """What it is in this format; of devices and addresses, for each node."""


class FormatEntry(DomainType):
    """One format."""

    format: ExportFormat
    title: str
    reads: str
    """What it is that the runtime reads."""
    filename: str
    media_type: str
    options: tuple[FormatOption, ...] = ()
    """Options that change the file, what it loses, or how it is used."""


class FormatList(DomainType):
    """Every format that a plan can be exported to."""

    formats: tuple[FormatEntry, ...]
