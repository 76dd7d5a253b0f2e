"""The public function: a plan and its request -> what a runtime reads."""

from __future__ import annotations

from models.export import Export, ExportRequest, FormatEntry, FormatOption
from placement.exports.findings import refuse_what_cannot_be_said, what_is_lost
from placement.exports.registry import FORMATS
from placement.exports.subject import subject_of


def export(asked: ExportRequest) -> Export:
    """The plan in the format that is asked for, with a warning for everything that the format cannot say.

    Raises `InvalidInput` for input that breaks rules, and `CannotSay` where the runtime would do something else than
    the plan: with every reason.
    """
    subject = subject_of(asked)
    chosen = FORMATS[asked.format]
    refuse_what_cannot_be_said(subject, chosen.refused)
    return Export(
        format=chosen.name,
        filename=chosen.filename,
        media_type=chosen.media_type,
        content=chosen.write(subject),
        warnings=what_is_lost(subject, chosen.lost),
        usage=chosen.usage(subject),
    )


def formats() -> tuple[FormatEntry, ...]:
    """Every format."""
    return tuple(
        FormatEntry(
            format=known.name,
            title=known.title,
            reads=known.reads,
            filename=known.filename,
            media_type=known.media_type,
            options=tuple(FormatOption(name=name, meaning=meaning) for name, meaning in known.options.items()),
        )
        for known in FORMATS.values()
    )
