"""`placement worker`: solves what API processes have queued, on this machine and any other."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.configured import settings_or_exit
from api.cli.consoles import Exit, messages

if TYPE_CHECKING:
    from api.scaleout.worker import PlanWorker
    from api.settings import Settings
    from api.store.database import Database

OPENING_S = 30.0
"""Longest wait at start for a database that is not there yet: it may be started at the same time."""
OPENING_EVERY_S = 1.0
ALIVE_EVERY_S = 1.0

log = logging.getLogger("placement.scaleout")


def worker(
    name: Annotated[
        str | None, typer.Option(help="What the others call this worker. Default: the host's name and process id.")
    ] = None,
    alive_file: Annotated[
        Path | None, typer.Option(help="File to touch every second while the worker is alive, for probes.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics at this port; 0 for any free one.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address to serve metrics at; 0.0.0.0 for all.")] = "127.0.0.1",
) -> None:
    """Solve plans that services with PLACEMENT_EXECUTOR=queue have accepted, until told to stop (SIGTERM).

    Takes a plan only when one of its PLACEMENT_SOLVER_SLOTS is free. On SIGTERM it takes no more; what is not solved
    within PLACEMENT_DRAIN_GRACE_S is queued again for the others. Settings come from the environment (PLACEMENT_...).
    """
    from api.observability.logs import configuration  # the other commands do without
    from api.settings import ExecutorChoice
    from api.solvers import plan_worker
    from api.store.database import Database
    from api.store.errors import SchemaTooNew, StoreUnavailable

    settings = settings_or_exit(executor=ExecutorChoice.QUEUE)
    assert settings.database_url is not None
    logging.config.dictConfig(configuration(settings))
    database = Database(settings.database_url.get_secret_value())
    solving = plan_worker(settings, database, name)
    try:
        with ExitStack() as serving:
            if metrics_port is not None:
                port = _serve_metrics(serving, solving, metrics_port, metrics_host)
                log.info("metrics at http://%s:%d/metrics", metrics_host, port)
            asyncio.run(_work(solving, database, settings, alive_file))
    except (StoreUnavailable, SchemaTooNew) as error:
        messages().print(f"error: {error}", soft_wrap=True, markup=False)
        raise typer.Exit(Exit.BAD_INPUT) from None


def _serve_metrics(serving: ExitStack, worker: PlanWorker, port: int, host: str) -> int:
    """Until `serving` ends; the port. Ends with `Exit.BAD_INPUT` where it is taken."""
    from api.observability.instruments import served_load

    try:
        return serving.enter_context(served_load(worker.load, port, host))
    except OSError as error:
        messages().print(f"error: metrics cannot be served: {error.strerror}", soft_wrap=True, markup=False)
        raise typer.Exit(Exit.BAD_INPUT) from None


async def _work(worker: PlanWorker, database: Database, settings: Settings, alive_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await _open(database)
        await worker.open()
        log.info("solving plans of the queue, %d at a time", settings.solver_slots)
        alive = asyncio.create_task(_touch(alive_file))
        await stop.wait()
        log.info("taking no more plans")
        for number in (signal.SIGTERM, signal.SIGINT):  # a second signal ends the process at once
            loop.remove_signal_handler(number)
        await worker.close(settings.drain_grace_s)
        alive.cancel()
    finally:
        await database.close()


async def _open(database: Database) -> None:
    from api.store.errors import StoreUnavailable

    until = asyncio.get_running_loop().time() + OPENING_S
    while True:
        try:
            await database.open()
        except StoreUnavailable as unavailable:
            if asyncio.get_running_loop().time() > until:
                raise
            log.warning("the database cannot be used yet: %s", unavailable)
            await asyncio.sleep(OPENING_EVERY_S)
        else:
            return


async def _touch(alive_file: Path | None) -> None:
    while alive_file is not None:
        alive_file.touch()
        await asyncio.sleep(ALIVE_EVERY_S)
