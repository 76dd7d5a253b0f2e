"""Facts about models and options that not every format can do with or without."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.base import pointer_to
from placement.exports.findings import Fact
from placement.exports.subject import Subject
from placement.transformers.architecture import HeadKind

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
"""Value of a Kubernetes label."""


def class_unknown(subject: Subject) -> Iterator[Fact]:
    """The model was given as layers, and nobody said which class it is."""
    if subject.transformer.class_name is None:
        clause = "the model is given as layers, which do not say of what class it is"
        yield Fact(clause, "/options/architecture")


def enclosed(subject: Subject) -> Iterator[Fact]:
    """The model is the language model within a multimodal one."""
    if subject.transformer.enclosed:
        clause = "only the language model of a multimodal config was planned"
        yield Fact(clause, "/request/model/huggingface_config/text_config")


def no_language_model(subject: Subject) -> Iterator[Fact]:
    """The model does not generate text."""
    found = subject.transformer
    if found.head is not None and found.head is not HeadKind.LANGUAGE:
        yield Fact(f"{found.class_name} generates no text", "/request/model")


def unknown_to_petals(subject: Subject) -> Iterator[Fact]:
    """The model's type has no blocks in Petals (src/petals/models)."""
    yield from _other_than(subject, "llama", "mixtral")


def unknown_to_dnet(subject: Subject) -> Iterator[Fact]:
    """The model's type has no class in dnet (src/dnet/core/models)."""
    yield from _other_than(subject, "llama", "qwen3")


def _other_than(subject: Subject, *model_types: str) -> Iterator[Fact]:
    found = subject.transformer.model_type
    if found is not None and found not in model_types:
        yield Fact(f"the model is of type {found}", "/request/model")


def tied_apart(subject: Subject) -> Iterator[Fact]:
    """Embedding and head share a matrix and are on different nodes."""
    first, last = subject.runs[0], subject.runs[-1]
    if subject.transformer.tied and first.node != last.node:
        clause = f"the matrix that embedding and head share is on {first.node} and on {last.node}"
        yield Fact(clause, f"{subject.place}/{last.index}", (first.index, last.index))


def devices_not_given(subject: Subject) -> Iterator[Fact]:
    """Nodes have the names of the plan, not those of the runtime."""
    absent = [node for node in subject.nodes if node not in subject.options.devices]
    if absent:
        yield Fact(f"{', '.join(absent)}: named as in the plan", "/options/devices")


def devices_shared(subject: Subject) -> Iterator[Fact]:
    """Two nodes have one name in the runtime."""
    names: dict[str, str] = {}
    for node in subject.nodes:
        other = names.setdefault(str(subject.device(node)), node)
        if other != node:
            yield Fact(
                f"{other} and {node} are both called {subject.device(node)}", pointer_to("options", "devices", node)
            )


def addresses_not_given(subject: Subject) -> Iterator[Fact]:
    """Nodes are taken for host names."""
    absent = [node for node in subject.nodes if node not in subject.options.addresses]
    if absent:
        yield Fact(f"{', '.join(absent)}: taken for a host name", "/options/addresses")


def servers_without_address(subject: Subject) -> Iterator[Fact]:
    """Nodes behind the first one are taken for host names."""
    absent = [node for node in subject.nodes[1:] if node not in subject.options.addresses]
    if absent:
        yield Fact(f"{', '.join(absent)}: taken for a host name", "/options/addresses")


def model_not_named(subject: Subject) -> Iterator[Fact]:
    """Nobody said what the runtime is to load."""
    if not subject.model_is_named:
        yield Fact("the request does not say what the model is called where it is loaded from", "/options/model_name")


def image_not_given(subject: Subject) -> Iterator[Fact]:
    """Nobody said which image runs a stage."""
    if subject.options.image is None:
        yield Fact("no image is given", "/options/image")


def label_unfit(subject: Subject) -> Iterator[Fact]:
    """What a node is called cannot be the value of a Kubernetes label."""
    for node in subject.nodes:
        if not _LABEL.fullmatch(str(subject.device(node))):
            yield Fact(f"{node}: {subject.device(node)} is no label", "/options/devices")
