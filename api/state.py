"""Where the service keeps what it promised, as set or by default."""

from __future__ import annotations

import os
from pathlib import Path

from api.settings import Settings
from api.store.engines import default_url


def state_directory(settings: Settings) -> Path:
    """The set folder, else `layer-placement` in the user's data folder (XDG base directory specification)."""
    if settings.state_dir is not None:
        return settings.state_dir
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification has relative paths ignored.
    return (Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share") / "layer-placement"


def database_url(settings: Settings) -> str:
    """The set URL, else that of an SQLite file in the state directory."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return default_url(state_directory(settings))
