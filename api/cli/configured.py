"""The settings of the environment, or an end that names what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from api.cli.consoles import Exit, messages

if TYPE_CHECKING:
    from api.settings import Settings


def settings_or_exit(**given: Any) -> Settings:
    """`given` goes before the environment; ends with `Exit.BAD_INPUT`, one line for each fault, no value echoed."""
    from pydantic import ValidationError  # a command that needs no settings does without

    from api.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as invalid:
        for fault in invalid.errors(include_input=False, include_url=False):
            names = [f"PLACEMENT_{str(part).upper()}: " for part in fault["loc"][:1]]
            messages().print(
                f"error: {''.join(names)}{fault['msg'].removeprefix('Value error, ')}",
                soft_wrap=True,
                markup=False,
                highlight=False,
            )
        raise typer.Exit(Exit.BAD_INPUT) from None
