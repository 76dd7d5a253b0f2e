"""What is exported: the stages of a plan, beside what the request says about the layers in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from models.base import Fault, InvalidInput, refuse
from models.export import PLAIN_NAME, ExportedStage, ExportOptions, ExportRequest
from models.profile import Layer, LayerKind, ModelSpec
from models.request import PlanRequest
from placement import catalogue
from placement.exports.modules import ModulePaths, known_classes, paths_of
from placement.transformers import profile
from placement.transformers.architecture import HeadKind
from placement.transformers.families import FAMILIES, open_config


@dataclass(frozen=True, slots=True)
class Run:
    """A stage: what one node runs, in layers of the plan and in blocks of the Transformer."""

    index: int
    node: str
    level: str | None
    first_layer: int
    stop_layer: int
    blocks: range
    """Numbers of its Transformer blocks, from 0."""
    embedding: bool
    """Runs what comes before the first block."""
    head: bool
    """Runs what comes behind the last block."""
    memory_bytes: float | None = None
    route: tuple[str, ...] = ()
    """Nodes from this one to the next, relays between them, where the plan says so."""

    @property
    def span(self) -> str:
        """Its layers, as they are written everywhere."""
        return f"{self.first_layer}..{self.stop_layer}"


@dataclass(frozen=True, slots=True)
class Transformer:
    """What is known about the model beside its layers."""

    class_name: str | None = None
    """As in `architectures`: LlamaForCausalLM."""
    model_type: str | None = None
    head: HeadKind | None = None
    tied: bool = False
    """Embedding and head share their matrix."""
    enclosed: bool = False
    """The language model of a multimodal config."""
    modules: ModulePaths | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A plan, ready to be written down."""

    request: PlanRequest
    options: ExportOptions
    runs: tuple[Run, ...]
    layers: tuple[Layer, ...]
    transformer: Transformer
    model_name: str
    """What the runtime is to load."""
    model_is_named: bool
    """Whether somebody said so; else `model_name` is a guess."""
    place: str
    """JSON pointer to the stages."""
    plan_id: str | None = None

    @property
    def block_count(self) -> int:
        """Transformer blocks in all."""
        return sum(layer.kind is LayerKind.BLOCK for layer in self.layers)

    @property
    def source(self) -> str:
        """The terminal on which input originates."""
        return self.request.workload.source

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order in which they come first."""
        return tuple(dict.fromkeys(run.node for run in self.runs))

    @property
    def serving(self) -> tuple[Run, ...]:
        """Stages with blocks: those that a runtime sees which only counts blocks."""
        return tuple(run for run in self.runs if run.blocks)

    def device(self, node: str) -> str | int:
        """What the runtime calls the node."""
        return self.options.devices.get(node, node)

    def host_and_port(self, node: str, port: int) -> tuple[str, int]:
        """Where the node is reached, at `port` unless the address has its own."""
        address = self.options.addresses.get(node, node)
        host, colon, given = address.rpartition(":")
        return (host, int(given)) if colon and given.isdecimal() and not address.endswith("]") else (address, port)


def subject_of(asked: ExportRequest) -> Subject:
    """The plan that is to be exported; raises `InvalidInput` where stages do not make a placement of the model."""
    request, spec = asked.request, asked.request.model
    try:
        layers = profile(spec, request.workload).layers
    except InvalidInput as error:
        raise InvalidInput([fault.below("/request") for fault in error.faults]) from None
    refuse(list(_misplaced(asked, len(layers))))
    transformer = _transformer(spec, asked.options)
    named = asked.options.model_name or _name_of(spec)
    return Subject(
        request=request,
        options=asked.options,
        runs=tuple(_run(index, stage, layers) for index, stage in enumerate(asked.placed)),
        layers=layers,
        transformer=transformer,
        model_name=named or "MODEL",
        model_is_named=named is not None,
        place=asked.place,
        plan_id=None if asked.plan is None else asked.plan.id,
    )


def _misplaced(asked: ExportRequest, count: int) -> Iterator[Fault]:
    """Layers that no stage has or two have, and nodes with two stages that are not the first and last of the source."""
    stages, place = asked.placed, asked.place
    if not stages:
        status = "none" if asked.plan is None or asked.plan.status is None else asked.plan.status.value
        yield Fault(place, "no_stages", f"the plan has no stages (status: {status})")
        return
    ends = [0, *(stage.stop_layer for stage in stages)]
    for index, (stage, due) in enumerate(zip(stages, ends, strict=False)):
        if stage.first_layer != due:
            message = f"stage {index}: begins with layer {stage.first_layer}, but layer {due} is due"
            yield Fault(f"{place}/{index}/first_layer", "not_consecutive", message, stage.first_layer, due)
    if ends[-1] != count:
        message = f"stage {len(stages) - 1}: ends before layer {ends[-1]}, but the model has {count} layers"
        yield Fault(f"{place}/{len(stages) - 1}/stop_layer", "not_consecutive", message, ends[-1], count)
    first: dict[str, int] = {}
    for index, stage in enumerate(stages):
        earlier = first.setdefault(stage.node, index)
        u_shaped = earlier == 0 and 1 < index == len(stages) - 1 and stage.node == asked.request.workload.source
        if earlier != index and not u_shaped:
            message = f"stage {index}: {stage.node} has stage {earlier} already; only the source may, first and last"
            yield Fault(f"{place}/{index}/node", "node_twice", message, stage.node)


def _run(index: int, stage: ExportedStage, layers: tuple[Layer, ...]) -> Run:
    kinds = [layer.kind for layer in layers]
    blocks = [k for k, kind in enumerate(kinds) if kind is LayerKind.BLOCK]
    before = sum(k < stage.first_layer for k in blocks)
    inside = sum(stage.first_layer <= k < stage.stop_layer for k in blocks)
    return Run(
        index=index,
        node=stage.node,
        level=stage.level,
        first_layer=stage.first_layer,
        stop_layer=stage.stop_layer,
        blocks=range(before, before + inside),
        embedding=bool(blocks) and stage.first_layer < blocks[0],
        head=bool(blocks) and stage.stop_layer > blocks[-1] + 1,
        memory_bytes=None if stage.memory is None else stage.memory.total_bytes,
        route=() if stage.transfer_to_next is None else stage.transfer_to_next.route,
    )


def _transformer(spec: ModelSpec, options: ExportOptions) -> Transformer:
    """What the config says; for models given as layers, what follows from the class that the options name."""
    config = _config_of(spec)
    if config is None:
        found = _of_class(options.architecture) if options.architecture is not None else Transformer()
    else:
        family, head, reader = open_config(config)
        # Names in `architectures` are checked by the profile: the first is one of the family's.
        names = reader.raw("architectures") or [next(iter(family.heads))]
        tied = family.read(reader, head).head.tied_weights > 0
        found = Transformer(
            names[0], family.model_type, head, tied, enclosed=isinstance(config.get("text_config"), dict)
        )
        if options.architecture is not None and options.architecture != names[0]:
            found = replace(_of_class(options.architecture), tied=tied, enclosed=found.enclosed)
    return replace(found, modules=None if found.class_name is None else paths_of(found.class_name))


def _of_class(name: str) -> Transformer:
    family = next((family for family in FAMILIES if name in family.heads), None)
    if family is None:
        known = list(known_classes())
        message = f"options.architecture: unknown; known are {', '.join(known)}"
        raise InvalidInput([Fault("/options/architecture", "unknown_architecture", message, name, known)])
    return Transformer(name, family.model_type, family.heads[name])


def _config_of(spec: ModelSpec) -> Mapping[str, object] | None:
    if spec.catalogue is not None:
        return catalogue.transformer(spec.catalogue).huggingface_config
    return spec.huggingface_config


def _name_of(spec: ModelSpec) -> str | None:
    """What a hub knows the model as, where the request lets it be known."""
    if spec.catalogue is not None:
        return catalogue.transformer(spec.catalogue).hf_id
    name = None if spec.huggingface_config is None else spec.huggingface_config.get("_name_or_path")
    return name if isinstance(name, str) and PLAIN_NAME.fullmatch(name) else None
