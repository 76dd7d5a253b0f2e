"""The process that workers are forked from: solvers loaded, search compiled, one thread, and nothing of the service.

Run by `Children` as `python -m api.execution.forkserver`. It speaks lines of JSON over a socket: in come {"fork": key}
with the worker's end of its line as a file descriptor, and {"kill": key}; out go {"ready": ...}, {"forked": key,
"pid": ...} and {"ended": key, "status": ..., "words": ...}. Whoever is forked here is reaped here, with the process
group that it leads, so that no number is ever signalled that belongs to somebody else by now. The end of the socket is
the end of everybody; and should this process be killed together with the service, the kernel ends the workers.

The standard library's forkserver is one per process, imports the caller's main module into every child, and neither
ends the processes that a killed child leaves behind nor those of a service that was killed.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import gc
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import deque
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from api.execution.worker import serve

LAST_WORDS_BYTES = 8000
"""What is kept of what a worker wrote to its standard error."""
ENDS_FIRST = "500"
"""Where memory runs out on the machine, the kernel ends a worker before it ends the service."""
FOLDERS = "placement-worker-"
"""How names of workers' folders begin."""
LEFT_BEHIND_S = 60.0
"""Age from which on a folder that nobody holds is taken for left behind."""
_BECOME_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class _Forked:
    key: int
    pid: int
    folder: Path
    """The worker's own, for temporary files; goes with it."""

    @property
    def errors(self) -> Path:
        """What it writes to its standard error."""
        return errors_in(self.folder)


def errors_in(folder: Path) -> Path:
    """The file that a worker's standard output and error go to."""
    return folder / "errors.txt"


class Forkserver:
    """Forks workers on demand.

    memory_bytes: address space of each. lifeline: the read end of a pipe that the service alone could write to.
    """

    def __init__(self, control: socket.socket, lifeline: int, memory_bytes: int) -> None:
        self._control, self._lifeline, self._memory_bytes = control, lifeline, memory_bytes
        self._forked: dict[int, _Forked] = {}
        self._descriptors: deque[int] = deque()
        self._unread = b""
        self._wakes, self._woken = socket.socketpair()
        self._wakes.setblocking(False)
        self._woken.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wakes, selectors.EVENT_READ)

    def run(self) -> None:
        """Until the service closes its end, or dies."""
        self._say({"ready": os.getpid()})
        try:
            while True:
                ready = {key.fileobj for key, _ in self._selector.select()}
                if self._wakes in ready:
                    self._wakes.recv(4096)
                self._reap()
                if self._control in ready and not self._obey():
                    return
        except ConnectionError:
            return
        finally:
            signal.set_wakeup_fd(-1)
            for forked in list(self._forked.values()):
                _kill_group(forked.pid)
                shutil.rmtree(forked.folder, ignore_errors=True)

    def _obey(self) -> bool:
        """Do what has been asked; False once nobody will ask any more."""
        arrived, descriptors, _, _ = socket.recv_fds(self._control, 65536, 64)
        self._descriptors.extend(descriptors)
        *lines, self._unread = (self._unread + arrived).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            if "fork" in asked:
                self._fork(asked["fork"], self._descriptors.popleft())
            elif asked["kill"] in (known := {forked.key: forked.pid for forked in self._forked.values()}):
                _kill_group(known[asked["kill"]])
        return bool(arrived)

    def _fork(self, key: int, descriptor: int) -> None:
        folder = errors = None
        try:
            folder = Path(tempfile.mkdtemp(prefix=FOLDERS))
            errors = _held_errors(folder)
            pid = os.fork()
        except OSError as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            self._say({"ended": key, "status": 1, "words": f"cannot fork: {error}"})
            return
        else:
            if pid == 0:
                self._become_worker(descriptor, errors, folder)
        finally:
            for ours in (descriptor, errors):
                if ours is not None:
                    os.close(ours)
        self._forked[pid] = _Forked(key, pid, folder)
        self._say({"forked": key, "pid": pid})

    def _become_worker(self, descriptor: int, errors: int, folder: Path) -> NoReturn:
        """The child: a session, a memory cap, a folder and a standard error of its own; never returns."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (self._control, self._wakes, self._woken):
                inherited.close()
            self._selector.close()
            os.dup2(errors, 1)
            os.dup2(errors, 2)
            os.close(errors)
            faulthandler.enable()
            _hang_on(self._lifeline)
            _stand_on_own_feet(folder, self._memory_bytes)
            serve(socket.socket(fileno=descriptor), folder)
        except BaseException:  # noqa: BLE001 - never into the code of the parent
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _reap(self) -> None:
        """Take leave of workers that ended, and of processes that they left behind."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            forked = self._forked.pop(ended.si_pid, None)
            if forked is not None:
                _kill_group(forked.pid)  # while its number is still taken
            _, status = os.waitpid(ended.si_pid, 0)
            if forked is not None:
                words = _last_words(forked.errors)
                shutil.rmtree(forked.folder, ignore_errors=True)
                self._say({"ended": forked.key, "status": os.waitstatus_to_exitcode(status), "words": words})

    def _say(self, message: dict[str, Any]) -> None:
        self._control.sendall(json.dumps(message).encode() + b"\n")


def _kill_group(pid: int) -> None:
    """End a worker and all that it started; it may not have begun to lead its group yet."""
    for end in (os.killpg, os.kill):
        try:
            end(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _stand_on_own_feet(folder: Path, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        Path("/proc/self/oom_score_adj").write_text(ENDS_FIRST)
    except OSError:  # not on this system
        return


def _hang_on(lifeline: int) -> None:
    """From now on the kernel ends this worker's group when the service ends, whatever this process is busy with.

    A thread that watches the line does the same, and is enough unless the solver is in a call that holds the
    interpreter, and the forkserver is gone as well.
    """
    if sys.platform != "linux":
        return
    own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK)  # whom to signal is noted per open file
    os.close(lifeline)
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    try:
        os.read(own, 1)
    except BlockingIOError:
        return
    os._exit(1)  # it has ended already


def _held_errors(folder: Path) -> int:
    """The file for a worker's output, locked as long as the worker or anything that it started lives."""
    errors = os.open(errors_in(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    fcntl.flock(errors, fcntl.LOCK_EX)
    return errors


def sweep() -> None:
    """Remove the folders of workers that were killed together with their forkserver."""
    for folder in Path(tempfile.gettempdir()).glob(FOLDERS + "*"):
        try:
            if time.time() - folder.stat().st_mtime < LEFT_BEHIND_S or folder.stat().st_uid != os.getuid():
                continue
            with errors_in(folder).open("r+") as errors:  # somebody else may be removing it: nothing is made anew
                fcntl.flock(errors, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _last_words(errors: Path) -> str:
    try:
        return errors.read_bytes()[-LAST_WORDS_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""


def main(control: int, lifeline: int, memory_bytes: int, preparation: str) -> None:
    """Load what workers need ("module:function" is called once), then fork them."""
    _adopt_orphans()
    sweep()
    module, _, function = preparation.partition(":")
    getattr(import_module(module), function)()
    gc.collect()
    gc.freeze()
    Forkserver(socket.socket(fileno=control), lifeline, memory_bytes).run()


def _adopt_orphans() -> None:
    """What a killed worker leaves behind becomes a child of this process, so that it is reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
