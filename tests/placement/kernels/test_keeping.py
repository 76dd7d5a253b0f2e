"""Where compiled code is kept, and when it is renewed."""

from __future__ import annotations

import ast
import errno
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numba.core import caching, config

from placement import kernels
from placement.kernels.compiling import compiled
from placement.kernels.keeping import stamp_of

SOURCE = "def twice(x):\n    return 2 * x\n"


@pytest.fixture(autouse=True)
def users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's cache folder, in place of the real one."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def kernel_of(tmp_path: Path) -> Callable[..., Any]:
    """A kernel as a new process would make it of a source file."""

    def make(source: str = SOURCE) -> Any:
        path = tmp_path / "kernel_for_tests.py"
        path.write_text(source)
        stamp_of.cache_clear()
        spec = importlib.util.spec_from_file_location("kernel_for_tests", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return compiled(module.twice)

    return make


def compilations(kernel: Any) -> int:
    """How often calling it once took the compiler."""
    assert kernel(21) == 42
    return sum(kernel.stats.cache_misses.values())


def kept_in(folder: Path) -> list[str]:
    """Suffixes of files with kept code anywhere below."""
    return sorted(path.suffix for path in folder.rglob("*.nb?"))


def test_code_is_kept_beside_its_source_for_the_next_process(kernel_of: Callable[..., Any], tmp_path: Path) -> None:
    assert [compilations(kernel_of()) for _ in range(2)] == [1, 0]
    assert kept_in(tmp_path / "__pycache__") == [".nbc", ".nbi"]


def test_a_folder_named_in_the_environment_comes_first(
    kernel_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "named"))
    assert [compilations(kernel_of()) for _ in range(2)] == [1, 0]
    assert kept_in(tmp_path) == kept_in(tmp_path / "named") == [".nbc", ".nbi"]


def test_kept_code_is_used_where_nothing_can_be_written(
    kernel_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compilations(kernel_of())

    def refuse(**_: Any) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    assert compilations(kernel_of()) == 0


def test_where_the_folder_of_the_source_cannot_be_written_the_users_cache_serves(
    kernel_of: Callable[..., Any], tmp_path: Path, users_cache: Path
) -> None:
    (tmp_path / "__pycache__").write_text("a file where a folder should be")
    assert [compilations(kernel_of()) for _ in range(2)] == [1, 0]
    assert kept_in(users_cache) == [".nbc", ".nbi"]


def test_without_any_place_every_process_compiles_and_none_fails(
    kernel_of: Callable[..., Any], tmp_path: Path, users_cache: Path
) -> None:
    (tmp_path / "__pycache__").write_text("a file where a folder should be")
    users_cache.write_text("another one")
    assert [compilations(kernel_of()) for _ in range(2)] == [1, 1]
    assert kept_in(tmp_path) == []


def test_without_a_home_no_folder_is_made_wherever_the_process_runs(
    kernel_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "~/.cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "__pycache__").write_text("a file where a folder should be")
    assert compilations(kernel_of()) == 1
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_code_is_compiled_anew(kernel_of: Callable[..., Any], tmp_path: Path, suffix: str) -> None:
    compilations(kernel_of())
    for path in (tmp_path / "__pycache__").glob(f"*{suffix}"):
        path.write_bytes(path.read_bytes()[:7])
    assert compilations(kernel_of()) == 1


def test_changed_source_renews_its_code(kernel_of: Callable[..., Any]) -> None:
    compilations(kernel_of())
    assert compilations(kernel_of(SOURCE.replace("2 * x", "x + x"))) == 1


def test_a_change_in_a_kernel_renews_those_built_from_it_and_no_others(tmp_path: Path) -> None:
    sources = {
        "calls.py": "from placement.kernels.middle import one\n",
        "middle.py": "from placement.kernels.called import zero\n",
        "called.py": "ZERO = 0\n",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)

    def stamps() -> list[bytes]:
        stamp_of.cache_clear()
        return [stamp_of(tmp_path / name) for name in sources]

    before = stamps()
    (tmp_path / "middle.py").write_text(sources["middle.py"] + "ONE = 1\n")
    assert [one == other for one, other in zip(before, stamps(), strict=True)] == [False, False, True]


def test_kernels_name_what_they_are_built_from_in_the_one_form_that_stamps_read() -> None:
    """`from placement.kernels.sweeps import ...` at the left margin."""
    other_forms = []
    for path in Path(kernels.__path__[0]).glob("*.py"):
        top_level = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        known = [node for node in top_level if (node.module or "").startswith("placement.kernels.")]
        everywhere = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom) and "placement.kernels" in ast.unparse(node)
        ]
        relative = [node for node in top_level if node.level]
        if len(known) != len(everywhere) or relative:
            other_forms.append(path.name)
    assert other_forms == []
