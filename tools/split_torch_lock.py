"""Splits the lock of the extras `measure` and `run` by what a machine needs of it.

usage: split_torch_lock.py COMPILED, the output of pip-compile for both extras. Makes, in requirements/:

    torch.lock       what torch and transformers need beside what runtime.lock pins, torch itself left out
    torch-cpu.lock   the CPU build of torch, from wherever pip is told to look for it
    torch-any.lock   the build of the same release that the package index has
    torch-cuda.lock  what that one needs where it is a CUDA build, 3 GB

All are complete, so they are installed with --no-deps. The builds have files of their own because pip, where several
hashes are allowed, takes the file whose hash an index states.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
CPU_BUILD = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
"""SHA-256 of torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl."""
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\")
CUDA = re.compile(r"cuda-|nvidia-|triton==")
HEAD = "# Made by 'make lock-torch' from pyproject.toml; do not edit."


def blocks(text: str) -> list[str]:
    """The pins of a lock, each with its hashes and its comment."""
    return [block for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if PIN.match(block)]


def cleaned(block: str) -> str:
    """Comments without the names of files."""
    return re.sub(r"-c requirements/\w+\.lock(, )?| \(pyproject\.toml\)", "", block).replace(
        "# via \n", "# via torch\n"
    )


def main(compiled: Path) -> None:
    """Write the files."""
    served = {match["name"] for match in PIN.finditer((REQUIREMENTS / "runtime.lock").read_text())}
    wanted = [cleaned(block) for block in blocks(compiled.read_text())]
    extra = [block for block in wanted if block.split("==")[0] not in served]
    torch = [block for block in extra if block.startswith("torch==")]
    cuda = [block for block in extra if CUDA.match(block)]
    cpu = f"{torch[0].split(maxsplit=1)[0]}+cpu \\\n    --hash=sha256:{CPU_BUILD}\n"
    others = [block for block in extra if block not in torch and block not in cuda]
    for name, chosen in (("torch", others), ("torch-cpu", [cpu]), ("torch-any", torch), ("torch-cuda", cuda)):
        (REQUIREMENTS / f"{name}.lock").write_text(HEAD + "\n" + "".join(chosen).rstrip("\n") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
