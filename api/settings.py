"""What an operator can set, each by an environment variable `PLACEMENT_<NAME>`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Limits of one service process."""

    model_config = SettingsConfigDict(env_prefix="PLACEMENT_", frozen=True, use_attribute_docstrings=True)

    max_body_bytes: Annotated[int, Field(ge=1)] = 8 * 2**20
    """Largest request body in bytes; a longer one is answered 413 before it is parsed."""
    solver_threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Plans that are solved at the same time, each in a thread of its own."""
    queue_length: Annotated[int, Field(ge=0)] = 16
    """Plans that may wait for a solver thread; a further one is answered 503 with Retry-After."""
