"""Rules of the house that no single room can hold: size of files, no machine's paths, import contracts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

LONGEST_FILE_LINES = 350
# A path below a home or working folder of somebody's machine.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|root|Users|work|farm|mnt)/\w")
# Options that bind an installation to one package index, mirror or folder, in requirement files and client settings.
INDEX_OPTION = re.compile(
    r"--(?:extra-)?index-url|--find-links [^-]|\bindex[-_]url *=|\bregistry *= *http|://[^/\s]*/simple\b"
)

# A check that is silenced on this line, and nothing behind it that says why.
BARE_MARK = re.compile(
    r"# (?:noqa(?:: *[A-Z]+[0-9]+(?:, *[A-Z]+[0-9]+)*)?|type: ignore(?:\[[\w, -]*\])?|pragma: no cover)\s*$"
)

# A library that is costly, heavy or replaceable has one kind of file that may know it.
AT_HOME = {"fastapi": "api/*", "starlette": "api/*", "uvicorn": "api/*", "typer": "api/cli/*", "rich": "api/cli/*",
           "procrastinate": "api/scaleout/*", "numba": "placement/kernels/*", "pulp": "placement/backends/*milp*",
           "highspy": "placement/backends/*milp*", "ortools": "placement/backends/*cp_sat*"}  # fmt: skip


def imported_libraries(path: Path) -> Iterator[str]:
    """Top-level names of all modules that a source file imports, wherever in the file."""
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module is not None:
            yield statement.module.partition(".")[0]


def texts(tracked: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """Every tracked text file but this one, which spells the patterns out."""
    readable = []
    for path in tracked:
        raw = path.read_bytes()
        if path != Path(__file__) and b"\0" not in raw:
            readable.append((path, raw.decode()))
    return readable


def test_no_source_file_outgrows_its_room(tracked: tuple[Path, ...], root: Path) -> None:
    lengths = {
        str(path.relative_to(root)): len(path.read_text().splitlines()) for path in tracked if path.suffix == ".py"
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE_LINES} == {}


def test_no_file_names_a_path_of_somebodys_machine(tracked: tuple[Path, ...], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path, text in texts(tracked)
        for match in MACHINE_PATH.finditer(text)
    ]
    assert found == []


def test_no_file_binds_the_installation_to_a_package_index(tracked: tuple[Path, ...], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path, text in texts(tracked)
        for match in INDEX_OPTION.finditer(text)
    ]
    assert found == []


def test_imports_run_one_way_and_backends_are_blind_siblings(root: Path) -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint_imports], cwd=root, check=False, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_library_is_imported_only_where_it_is_at_home(tracked: tuple[Path, ...], root: Path) -> None:
    rooms = ("api", "models", "placement")
    sources = {path.relative_to(root) for path in tracked if path.suffix == ".py"}
    strays = [
        f"{source}: {library}"
        for source in sorted(sources)
        if source.parts[0] in rooms
        for library in sorted(set(imported_libraries(root / source)) & set(AT_HOME))
        if not fnmatch(str(source), AT_HOME[library])
    ]
    assert strays == []


def test_every_mark_that_silences_a_check_has_its_reason_beside_it(tracked: tuple[Path, ...], root: Path) -> None:
    bare = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path, text in texts(tracked)
        if path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), start=1)
        if BARE_MARK.search(line)
    ]
    assert bare == []
