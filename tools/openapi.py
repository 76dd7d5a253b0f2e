"""Writes the published description of the service to docs/openapi.json; a test compares the two."""

from __future__ import annotations

import json
from pathlib import Path

from api.app import create_app
from api.settings import Settings

FILE = Path(__file__).parents[1] / "docs/openapi.json"


def written() -> str:
    """The description, one value a line, so that changes can be read."""
    app = create_app(Settings(database_url="sqlite://"))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())
