"""What a format is: who reads it, what it refuses, what it loses, and the one function that writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.export import ExportFormat, OptionName
from placement.exports.findings import Reasons
from placement.exports.subject import Run, Subject

JSON = "application/json"
TEXT = "text/plain"
MODEL_NAME = "what the runtime loads: a repository or a folder"
ARCHITECTURE = "class of the model, where the request has layers only: LlamaForCausalLM"


@dataclass(frozen=True, slots=True)
class Format:
    """One format of the registry."""

    name: ExportFormat
    title: str
    reads: str
    """What it is that the runtime reads."""
    filename: str
    media_type: str
    refused: Reasons
    """Facts under which the runtime would do something else than the plan, and why."""
    lost: Reasons
    """Facts that are left out although what runs is placed as planned, and what happens instead."""
    write: Callable[[Subject], str]
    """The file, for a subject with none of the refused facts."""
    usage: Callable[[Subject], tuple[str, ...]]
    """How the file is used, line by line."""
    options: Mapping[OptionName, str]
    """Options that make a difference, and what each is to this runtime."""


def as_json(document: Any) -> str:
    """A document as it is written to files."""
    return json.dumps(document, indent=2) + "\n"


def printable(text: object) -> str:
    """A name within a comment or a sentence: on one line, whatever is in it."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text))


def described(run: Run) -> str:
    """What a stage runs, for a comment: phone: embedding, blocks 0..6."""
    parts = ["embedding"] if run.embedding else []
    parts += [f"blocks {run.blocks.start}..{run.blocks.stop}"] if run.blocks else []
    parts += ["head"] if run.head else []
    return f"{printable(run.node)}: {', '.join(parts) or f'layers {run.span}'}"
