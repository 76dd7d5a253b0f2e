"""Trees of files that stand in for a machine's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def planted(root: Path, files: Mapping[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root
