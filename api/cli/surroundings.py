"""What `placement doctor` looks at around the solvers: settings, the store, solver processes, the machine's limits."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from api.cli import formats
from api.cli.findings import Finding, fails, note, ok
from api.settings import MetricsAccess, RequireKeys, Settings

ANSWERS_S = 60.0
"""Longest wait for the answer of a solver process, which tries every backend."""
LITTLE_DISK_BYTES, SCARCE_DISK_BYTES = 100 * 2**20, 2**30
FEW_FILES, SCARCE_FILES = 256, 1024
"""File descriptors: each connection takes one, each solver process three."""
LARGE_BODY_BYTES = 64 * 2**20
BUSY_S = 5.0
"""Longest wait for the write lock of a database that a running service uses."""


def surroundings() -> Iterator[Finding]:
    """All checks of the service, in the order they are shown; the slowest one last."""
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            yield fails("settings", f"PLACEMENT_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}")
        return
    yield from checked_settings(settings)
    yield from checked_store(settings)
    yield file_descriptors()
    yield disk("temporary files", Path(tempfile.gettempdir()))
    yield solver_process(settings)


def checked_settings(settings: Settings) -> Iterator[Finding]:
    """What is set but unknown, and what is set so that it may hurt."""
    found = [note("settings", said) for said in (*_unknown(), *_dangers(settings))]
    yield from found or [ok("settings", "nothing dangerous")]


def _unknown() -> Iterator[str]:
    known = {f"PLACEMENT_{name}".upper() for name in Settings.model_fields}
    for name in sorted(set(os.environ) - known):
        if name.startswith("PLACEMENT_"):
            yield f"{name} is set, but there is no such setting"


def _dangers(settings: Settings) -> Iterator[str]:
    cores = os.cpu_count() or 1
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    threads = settings.solver_slots * settings.threads_per_solve
    if settings.require_keys is RequireKeys.NEVER:
        yield "PLACEMENT_REQUIRE_KEYS=never: whoever reaches the service may use it and sees all plans"
    if settings.metrics is MetricsAccess.OPEN:
        yield "PLACEMENT_METRICS=open: whoever reaches the service may read /metrics"
    if threads > cores:
        yield f"{settings.solver_slots} slots of {settings.threads_per_solve} threads on {cores} cores: all get slower"
    if settings.solver_slots * settings.solver_memory_bytes > memory_bytes:
        allowed = formats.size(settings.solver_slots * settings.solver_memory_bytes)
        yield f"the slots may take {allowed} together, the machine has {formats.size(memory_bytes)}"
    if settings.max_body_bytes > LARGE_BODY_BYTES:
        yield f"PLACEMENT_MAX_BODY_BYTES: a few bodies of {formats.size(settings.max_body_bytes)} fill the memory"
    if settings.body_timeout_s > 120:
        yield "PLACEMENT_BODY_TIMEOUT_S: slow callers may hold connections for minutes"


def checked_store(settings: Settings) -> Iterator[Finding]:
    """The database opens, its tables are this release's, it may be written, and there is room."""
    from api.state import database_url  # what is missing must not stop the other checks
    from api.store import engines

    try:
        url = engines.parse(database_url(settings))
    except (ValueError, ImportError) as error:
        yield fails("store", str(error))
        return
    if engines.is_in_memory(url):
        yield note("store", "in memory: accepted plans are lost when the service ends")
        return
    name = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database)).absolute()
        folder = next(each for each in file.parents if each.exists())
        yield disk("disk of the store", folder)
        if not file.exists():
            writable = os.access(folder, os.W_OK | os.X_OK)
            yield (ok if writable else fails)("store", f"{name} {_NEW if writable else f'is new; {folder}: no access'}")
            return
        if file.parent.stat().st_mode & 0o007 and file.stat().st_mode & 0o004:
            yield note("store", f"{file} can be read by every user of the machine")
    yield database(database_url(settings), name)


_NEW = "is made at the first start"


def database(url: str, name: str) -> Finding:
    """Whether the database is one this release can write; changes nothing in it."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from api.store import engines
    from api.store.migrating import Standing, standing

    engine = engines.writing(engines.parse(url), busy_timeout_s=BUSY_S)
    try:
        with engine.connect() as connection:
            where = standing(connection)
            connection.rollback()
            if where is Standing.HEAD:
                with connection.begin():
                    connection.execute(text("UPDATE instances SET seen_at = seen_at WHERE name IS NULL"))
    except SQLAlchemyError as error:
        return fails("store", f"{name}: {str(getattr(error, 'orig', None) or error).splitlines()[0]}")
    finally:
        engine.dispose()
    if where is Standing.NEWER:
        return fails("store", f"{name} was written by a newer release, which has to be run")
    return ok("store", f"{name}, {where.value}")


def disk(what: str, folder: Path) -> Finding:
    """Free room where this folder is."""
    free_bytes = shutil.disk_usage(folder).free
    said = f"{formats.size(free_bytes)} free in {folder}"
    if free_bytes < LITTLE_DISK_BYTES:
        return fails(what, said)
    return note(what, said) if free_bytes < SCARCE_DISK_BYTES else ok(what, said)


def file_descriptors() -> Finding:
    """How many files and connections one process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = "open files"
    if soft == resource.RLIM_INFINITY:
        return ok(what, "no limit")
    said = f"at most {soft} (ulimit -n)"
    if soft < FEW_FILES:
        return fails(what, said)
    return note(what, f"{said}: few for many callers") if soft < SCARCE_FILES else ok(what, said)


def solver_process(settings: Settings, clock: Callable[[], float] = time.perf_counter) -> Finding:
    """A process of the kind the service solves with starts, tries every backend within its memory, and ends."""
    what = "solver process"
    began = clock()
    try:
        trouble = asyncio.run(_answered(settings))
    except Exception as error:  # noqa: BLE001 - a broken installation fails in ways nobody can list
        trouble = f"{type(error).__name__}: {error}"
    if trouble:
        return fails(what, trouble)
    return ok(what, f"started, solved with every backend and ended in {formats.seconds(clock() - began)}")


async def _answered(settings: Settings) -> str:
    """What is wrong, or ""."""
    from api.execution.base import Job, Kind, Outcome
    from api.execution.supervisor import LocalExecutor, Provision
    from api.wire import Readiness

    executor = LocalExecutor(Provision(slots=1, clerks=1, memory_bytes=settings.solver_memory_bytes))
    try:
        async with asyncio.timeout(ANSWERS_S):
            await executor.open()
            ending = await executor.run(Job("doctor", Kind.READINESS, b"", ANSWERS_S), lambda _: None)
    finally:
        await executor.close(0.0)
    if ending.outcome is not Outcome.ANSWERED or ending.body is None:
        return f"ended as {ending.outcome}: {ending.message}"
    broken = [check for check in Readiness.model_validate_json(ending.body).backends if not check.works]
    return "; ".join(f"{check.backend}: {check.problem}" for check in broken)
