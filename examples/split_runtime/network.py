"""A network of this machine's own for the nodes: a namespace each, joined by a bridge, rates shaped by tc.

The namespaces have no names. Each belongs to its process (unshare), the bridge lives in one held by a `cat` that waits
on a pipe of the driver's. When the driver ends, by whatever signal, the pipe closes, the processes end, and the kernel
takes namespaces, bridge and veth pairs with them: nothing has to be swept, and this machine's own network is never
touched.
Where there is no root, a user namespace gives the same rights inside of it, if the kernel allows that.

Shaping: on the sender's interface one HTB class per destination address. Segments are kept small (GSO_BYTES), so that a
slow link serves its messages in small pieces like a wire does, and acknowledgements do not wait long behind data.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

GSO_BYTES = 3000
BUCKET = f"burst 200 cburst 200 quantum {GSO_BYTES}"
"""A bucket of tokens as small as can be: an idle link lets no more than one packet pass at once."""
INTERFACE = "eth0"
START_S = 10.0


class NoNamespaces(RuntimeError):
    """Network namespaces cannot be made here, or not by this user; the message says what was missing."""


class Network:
    """A bridge without a connection to the world.

    Processes started with `command`, each in a network namespace that it made for itself, are put on it by `connect`.
    """

    def __init__(self) -> None:
        missing = [tool for tool in ("ip", "tc", "unshare", "nsenter", "cat") if shutil.which(tool) is None]
        if missing:
            raise NoNamespaces(f"not installed: {', '.join(missing)}")
        self._user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["unshare", *self._user, "--net", "cat"]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
        self._members: list[int] = []
        try:
            _wait_for_own_namespace(self._holder)
            self._ip(self._holder.pid, ["link add bridge0 type bridge", "link set bridge0 up"])
        except NoNamespaces:
            self.close()
            raise

    def command(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` with the right to make network namespaces and put them on the bridge."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--user", "--preserve-credentials"] if self._user else []
        return [*enter, *command]

    def connect(self, process: int) -> None:
        """Put the next process on the bridge; addresses count from 10.0.0.1."""
        self._members.append(process)
        number = len(self._members)
        self._ip(
            self._holder.pid,
            [
                f"link add port{number} type veth peer name {INTERFACE} netns {process}",
                f"link set port{number} master bridge0 up gso_max_size {GSO_BYTES}",
            ],
        )
        self._ip(
            process,
            [
                f"addr add {address(number - 1)}/16 dev {INTERFACE}",
                f"link set {INTERFACE} up gso_max_size {GSO_BYTES}",
                "link set lo up",
            ],
        )

    def shape(self, sender: int, bits_per_s: Mapping[int, float]) -> None:
        """Limit what member `sender` sends to each of the members named; others are not limited."""
        lines = [f"qdisc replace dev {INTERFACE} root handle 1: htb"]
        for target, rate in bits_per_s.items():
            flow = f"1:{target + 1:x}"
            lines += [
                f"class add dev {INTERFACE} parent 1: classid {flow} htb rate {round(rate)}bit {BUCKET}",
                f"filter add dev {INTERFACE} parent 1: protocol ip u32 match ip dst {address(target)}/32 flowid {flow}",
            ]
        process = self._members[sender]
        self._run(process, ["tc", "-batch", "-"], [f"qdisc replace dev {INTERFACE} root pfifo", *lines])

    def sent_bytes(self, member: int) -> int:
        """Bytes that a member has sent since it was connected, headers included, as its interface counted them."""
        text = self._run(self._members[member], ["cat", f"/sys/class/net/{INTERFACE}/statistics/tx_bytes"], [])
        return int(text)

    def close(self) -> None:
        """Let the bridge go; namespaces of processes go with them."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(START_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ip(self, process: int, lines: Sequence[str]) -> None:
        self._run(process, ["ip", "-batch", "-"], lines)

    def _run(self, process: int, command: Sequence[str], lines: Sequence[str]) -> str:
        enter = ["nsenter", "--target", str(process), *(["--user", "--preserve-credentials"] if self._user else [])]
        done = subprocess.run(  # noqa: S603 - our own words
            [*enter, "--net", *command], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NoNamespaces(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout


def address(member: int) -> str:
    """The address of the member that was connected as number `member`, from 0."""
    return f"10.0.{(member + 1) // 250}.{(member + 1) % 250}"


def _wait_for_own_namespace(process: subprocess.Popen[bytes]) -> None:
    ours = Path("/proc/self/ns/net").readlink()
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            if Path(f"/proc/{process.pid}/ns/net").readlink() != ours:
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise NoNamespaces("unshare --net was refused: neither root nor a user namespace")
