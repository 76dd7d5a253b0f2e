"""Who solves, as the settings say: processes of this machine, or workers anywhere that share a queue."""

from __future__ import annotations

import os
import socket

from api.execution.base import Executor
from api.execution.supervisor import LocalExecutor, Provision
from api.scaleout.plan_meaning import PlanMeaning
from api.scaleout.queue import PlanQueue
from api.scaleout.queued import QueuedExecutor
from api.scaleout.shared_plans import SharedPlans
from api.scaleout.worker import PlanWorker
from api.settings import ExecutorChoice, Settings
from api.store.database import Database


def local_executor(settings: Settings) -> LocalExecutor:
    """Solver processes on this machine, as many as the settings say; for milliseconds only where workers solve."""
    alone = settings.executor is ExecutorChoice.LOCAL
    return LocalExecutor(
        Provision(
            slots=settings.solver_slots if alone else 1,  # this one tries the solvers, for /readyz
            threads=settings.threads_per_solve,
            clerks=settings.clerks,
            queue_length=settings.queue_length,
            memory_bytes=settings.solver_memory_bytes,
        )
    )


def queued_executor(settings: Settings, database: Database, clerks: Executor) -> tuple[QueuedExecutor, SharedPlans]:
    """An API process's side of the queue: what follows plans, and the store that queues what it accepts."""
    queue, meaning = PlanQueue(database.url), PlanMeaning()
    plans = SharedPlans(database, queue, meaning, clerks)
    return QueuedExecutor(plans, queue, clerks, meaning, settings.queue_length), plans


def plan_worker(settings: Settings, database: Database, name: str | None = None) -> PlanWorker:
    """A worker's side of the queue, with as many slots as the settings say."""
    executor = LocalExecutor(
        Provision(
            slots=settings.solver_slots,
            threads=settings.threads_per_solve,
            clerks=1,
            queue_length=settings.solver_slots,
            memory_bytes=settings.solver_memory_bytes,
        )
    )
    name = name or f"{socket.gethostname()}:{os.getpid()}"
    return PlanWorker(name, database, PlanQueue(database.url, patient=True), executor, PlanMeaning())
