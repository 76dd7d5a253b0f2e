"""The installed project holds every file that the checkout holds: a container sees no checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOMS = ("api", "examples", "models", "placement")


def test_wheel_holds_every_source_and_data_file_of_the_rooms(
    tracked: tuple[Path, ...], root: Path, tmp_path: Path
) -> None:
    names = {path.relative_to(root) for path in tracked if path.relative_to(root).parts[0] in ROOMS}
    for name in names | {Path("pyproject.toml"), Path("README.md"), Path("LICENSE")}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    run = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert sorted(name.as_posix() for name in names if name.as_posix() not in packed) == []
