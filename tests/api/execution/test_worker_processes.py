"""Worker processes as the system sees them: alone with their own, and never without a master."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.execution import supervisor
from api.execution.base import Kind, Outcome
from api.execution.forkserver import sweep
from api.execution.slot import PATIENCE_S
from api.execution.supervisor import LocalExecutor
from models.plan import Termination
from tests.api.execution.local import doubled
from tests.api.execution.rig import Rig, rig_of, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def rig():
    with rig_of(LocalExecutor(doubled(slots=2))) as rig:
        yield rig


def forkserver() -> psutil.Process:
    return next(
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "api.execution.forkserver" in child.cmdline()
    )


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def told(path: Path) -> int:
    wait_until(path.exists)
    return int(path.read_text())


def test_a_worker_leads_a_session_and_has_a_folder_of_its_own(rig: Rig):
    answers = [rig.start("say_who", kind=kind).answer() for kind in (Kind.PLAN, Kind.VALIDATE)]
    for answer in answers:
        assert answer["session"] == answer["pid"]
        assert Path(answer["folder"]).is_dir()
    assert answers[0]["folder"] != answers[1]["folder"]


def test_a_worker_is_capped_in_memory_and_writes_no_core(rig: Rig):
    worker = psutil.Process(rig.start("say_who").answer()["pid"])
    assert worker.rlimit(psutil.RLIMIT_AS) == (2**29, 2**29)
    assert worker.rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_a_worker_keeps_no_file_of_its_neighbours_open(rig: Rig):
    rig.run("die")  # its successor was forked last, with all others alive
    wait_until(lambda: len(forkserver().children()) == 3)
    sockets = [
        sum(str(entry.readlink()).startswith("socket:") for entry in Path(f"/proc/{worker.pid}/fd").iterdir())
        for worker in forkserver().children()
    ]
    assert sockets == [1, 1, 1]


def test_what_is_ended_by_force_takes_its_own_processes_and_files_along(rig: Rig, tmp_path):
    running = rig.begun("start_another", tell=str(tmp_path / "pid"))
    started = told(tmp_path / "pid")
    folder = Path(next(iter(psutil.Process(started).parents())).environ().get("TMPDIR", ""))
    rig.cancel(running.id)
    assert running.answer()["termination"] == Termination.CANCELLED
    wait_until(lambda: is_gone(started))
    wait_until(lambda: not list(folder.glob("left-over.txt")))


def test_a_killed_worker_takes_its_own_processes_along(rig: Rig, tmp_path):
    running = rig.begun("start_another", tell=str(tmp_path / "pid"))
    started = told(tmp_path / "pid")
    psutil.Process(started).parent().kill()
    assert running.result().outcome is Outcome.LOST
    assert "SIGKILL" in running.result().message
    wait_until(lambda: is_gone(started))


def test_no_process_is_left_unburied(rig: Rig, tmp_path):
    running = rig.begun("start_another", tell=str(tmp_path / "pid"))
    started = told(tmp_path / "pid")
    rig.cancel(running.id)
    running.result()
    wait_until(lambda: not psutil.pid_exists(started))


def test_a_worker_that_dies_without_work_is_replaced_before_it_is_missed(rig: Rig):
    rig.wait_until_idle()
    for worker in forkserver().children():
        worker.kill()
    wait_until(lambda: rig.load().busy == rig.load().slots)
    rig.wait_until_idle()
    answers = [rig.run("echo") for _ in range(4)]
    assert {ending.outcome for ending in answers} == {Outcome.ANSWERED}


def test_a_call_that_holds_the_interpreter_can_still_be_ended(rig: Rig, tmp_path):
    begun = tmp_path / "begun"
    running = rig.start("hold_the_lock", seconds=600, begun=str(begun))
    wait_until(begun.exists)
    rig.cancel(running.id)
    assert running.answer()["termination"] == Termination.CANCELLED


def test_force_comes_no_sooner_than_patience_ends(rig: Rig):
    running = rig.begun("ignore")
    began = time.monotonic()
    rig.cancel(running.id)
    running.result()
    assert time.monotonic() - began >= PATIENCE_S


def test_a_killed_forkserver_takes_its_workers_along_and_comes_back(rig: Rig, caplog):
    running = rig.begun("ignore")
    wait_until(lambda: len(forkserver().children()) == 3)
    workers = [worker.pid for worker in forkserver().children()]
    forkserver().kill()
    assert running.result().outcome is Outcome.LOST
    assert rig.run("echo").outcome is Outcome.ANSWERED
    wait_until(lambda: all(map(is_gone, workers)))
    rig.wait_until_idle()


def test_draining_lets_running_jobs_end_and_drops_those_that_wait(tmp_path):
    done = tmp_path / "done"
    with rig_of(LocalExecutor(doubled(slots=1))) as rig:
        running, waiting = rig.begun("wait_for", path=str(done)), rig.start("echo")
        wait_until(lambda: rig.load().queued == 1)
        closing = rig.portal.start_task_soon(rig.executor.close, 30.0)
        assert (waiting.result().outcome, waiting.result().message) == (Outcome.LOST, "draining")
        assert not closing.done()
        done.touch()
        assert running.answer() == {"waited": True}
        closing.result(30.0)
        with pytest.raises(Exception, match="no room"):
            rig.run("echo")


def test_what_outlasts_the_grace_is_cancelled_and_answered(tmp_path):
    with rig_of(LocalExecutor(doubled(slots=1))) as rig:
        running = rig.start("ignore", objective=7.0)
        wait_until(lambda: bool(running.named("incumbent")))
        workers = [worker.pid for worker in forkserver_of(rig).children()]
        rig.portal.call(rig.executor.close, 0.1)
        assert running.answer()["termination"] == Termination.CANCELLED
        assert all(map(is_gone, workers))


def forkserver_of(rig: Rig) -> psutil.Process:
    """The youngest: the module's own executor has one too."""
    return max(
        (child for child in psutil.Process().children() if "api.execution.forkserver" in child.cmdline()),
        key=psutil.Process.create_time,
    )


def test_a_long_start_says_what_it_is_about(monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "LONG_S", 0.0)
    with rig_of(LocalExecutor(doubled(slots=1))):
        assert "compiling the search" in caplog.text


def test_a_preparation_that_fails_is_said_at_the_start(capfd):
    broken = LocalExecutor(doubled())
    broken._children._preparation = "tests.api.execution.doubles:there_is_no_such_thing"
    with pytest.raises(RuntimeError, match="ended before it was ready"), rig_of(broken):
        pass
    assert "there_is_no_such_thing" in capfd.readouterr().err


@pytest.mark.parametrize("victims", ["service", "service and forkserver"])
def test_a_killed_service_leaves_nobody_behind(tmp_path, victims):
    tell = tmp_path / "pids.json"
    with subprocess.Popen([sys.executable, "-m", "tests.api.execution.doomed_service", str(tell)], cwd=ROOT) as service:
        wait_until(tell.exists)
        family = {process.pid: process for process in psutil.Process(service.pid).children(recursive=True)}
        grandchild = json.loads(tell.read_text())["grandchild"]
        assert grandchild in family
        assert len(family) == 5  # forkserver, two slots, one clerk, and the program that a worker started
        folders = [path for process in family.values() if (path := _folder(process)) is not None]
        assert len(folders) == 3
        both = psutil.Process(service.pid), *psutil.Process(service.pid).children()
        for process in both[:1] if victims == "service" else both:
            process.suspend()
        for process in both[:1] if victims == "service" else both:
            process.kill()
        wait_until(lambda: all(map(is_gone, family)), within_s=10.0)
    if victims == "service":
        wait_until(lambda: not any(folder.exists() for folder in folders))
    for folder in folders:
        with suppress(FileNotFoundError):  # services of other tests sweep too
            os.utime(folder, (0, 0))
    sweep()
    wait_until(lambda: not any(folder.exists() for folder in folders))


def _folder(process: psutil.Process) -> Path | None:
    """Where a worker's standard error goes; None for other processes."""
    target = Path(f"/proc/{process.pid}/fd/2").readlink()
    return target.parent if target.name == "errors.txt" and process.pid == os.getsid(process.pid) else None
