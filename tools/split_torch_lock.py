"""Splits the lock of the extras `measure` and `run`: requirements/torch.lock for all, torch-cuda.lock for CUDA builds.

usage: split_torch_lock.py COMPILED, the output of pip-compile for both extras. What runtime.lock pins is left out. All
files are complete, so they are installed with --no-deps: the CPU build of torch comes without 3 GB of CUDA packages.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
CPU_BUILD = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
"""SHA-256 of torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl; pip prefers it to the release without `+cpu`."""
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\")
CUDA = re.compile(r"cuda-|nvidia-|triton==")
HEAD = "# Made by 'make lock-torch' from pyproject.toml; do not edit."


def blocks(text: str) -> list[str]:
    """The pins of a lock, each with its hashes and its comment."""
    return [block for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if PIN.match(block)]


def with_cpu_build(block: str) -> str:
    """The hash of the CPU build added to the pin of the release it belongs to."""
    if not block.startswith("torch==2.13.0 "):
        return block
    pin, hashes = block.split("\n", 1)
    return f"{pin}\n    --hash=sha256:{CPU_BUILD} \\\n{hashes}"


def cleaned(block: str) -> str:
    """Comments without the names of files."""
    return re.sub(r"-c requirements/\w+\.lock(, )?| \(pyproject\.toml\)", "", block).replace(
        "# via \n", "# via torch\n"
    )


def main(compiled: Path) -> None:
    """Write both files."""
    served = {match["name"] for match in PIN.finditer((REQUIREMENTS / "runtime.lock").read_text())}
    wanted = [with_cpu_build(cleaned(block)) for block in blocks(compiled.read_text())]
    extra = [block for block in wanted if block.split("==")[0] not in served]
    for name, chosen in (
        ("torch.lock", [block for block in extra if not CUDA.match(block)]),
        ("torch-cuda.lock", [block for block in extra if CUDA.match(block)]),
    ):
        (REQUIREMENTS / name).write_text(HEAD + "\n" + "".join(chosen).rstrip("\n") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
