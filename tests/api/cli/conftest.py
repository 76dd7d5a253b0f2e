"""What the tests of the commands share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.cli import samples


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    """A file with a sound request."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(samples.request_body()))
    return str(path)
