"""What an operator can set, each by an environment variable `PLACEMENT_<NAME>`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class RequireKeys(StrEnum):
    """Who must show an API key."""

    AUTO = "auto"
    """Everybody once a key has been created; before that, everybody who does not come over loopback."""
    ALWAYS = "always"
    NEVER = "never"
    """Nobody, whatever the address: for a network in which every machine is trusted."""


class MetricsAccess(StrEnum):
    """Who may read /metrics."""

    AUTO = "auto"
    """Everybody where no key is needed; else whoever shows a key or the metrics token."""
    OPEN = "open"
    OFF = "off"


class ExecutorChoice(StrEnum):
    """Who solves plans."""

    LOCAL = "local"
    """Processes of the service itself."""
    QUEUE = "queue"
    """Workers (`placement worker`) on this machine and others, which share a queue in PostgreSQL."""


class LogFormat(StrEnum):
    """How a line of the log is written."""

    PLAIN = "plain"
    JSON = "json"


class Settings(BaseSettings):
    """Limits of one service process."""

    model_config = SettingsConfigDict(env_prefix="PLACEMENT_", frozen=True, use_attribute_docstrings=True)

    max_body_bytes: Annotated[int, Field(ge=1)] = 32 * 2**20
    """Largest request body in bytes; a longer one is answered 413 before it is parsed."""
    solver_slots: Annotated[int, Field(ge=1, le=256)] = 2
    """Plans that are solved at the same time, each in a process of its own."""
    threads_per_solve: Annotated[int, Field(ge=1, le=256)] = 1
    """Threads that one solve may use; slots times threads should not exceed the processor's cores."""
    clerks: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes for work of milliseconds (checks, scores, profiles), which so never waits behind plans."""
    solver_memory_bytes: Annotated[int, Field(ge=2**28)] = 4 * 2**30
    """Most memory of one solver's process in bytes; a plan that needs more ends with termination memory_limit."""
    queue_length: Annotated[int, Field(ge=0, le=100_000)] = 16
    """Plans that may wait for a slot, with executor=queue of all API processes together; a further one is answered 503
    with Retry-After."""
    executor: ExecutorChoice = ExecutorChoice.LOCAL
    """Who solves plans: local (processes of the service) or queue (workers, which needs a PostgreSQL database)."""
    max_time_limit_s: Annotated[float, Field(gt=0, le=3600)] = 3600.0
    """Longest `solver.time_limit_s` of a request in seconds; a longer one is answered 422."""
    max_wait_s: Annotated[float, Field(ge=0, le=3600)] = 120.0
    """Longest time in seconds that a caller is kept waiting for a plan; then the answer is 202 and the plan goes on."""
    state_dir: Path | None = None
    """Folder of the service's own database; default: layer-placement in the user's data folder (XDG_DATA_HOME)."""
    database_url: SecretStr | None = None
    """Database of plans, as SQLAlchemy writes it: postgresql+psycopg://user:password@host/name; default: SQLite in
    `state_dir`."""
    instance: str | None = None
    """Name of this process among those that share the database; no two may have the same. Default: of `placement serve`
    the host's name and the port; without a port a name for this life alone."""
    retention_s: Annotated[float, Field(gt=0)] = 7 * 86400.0
    """How long an ended plan is kept, in seconds; then it is answered 410."""
    retention_count: Annotated[int, Field(ge=1)] = 100_000
    """How many ended plans of one owner are kept; the oldest go first."""
    cache_bytes: Annotated[int, Field(ge=0)] = 64 * 2**20
    """Memory for proven answers in bytes, in front of the database."""
    drain_notice_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    """Seconds on SIGTERM in which the service still takes connections, but says that it is not ready."""
    drain_grace_s: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """Seconds on SIGTERM in which running plans may end by themselves before they are cancelled."""
    body_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Longest time in seconds that a request body may take to arrive; a slower one is answered 408."""
    require_keys: RequireKeys = RequireKeys.AUTO
    """Who must show an API key: auto, always or never."""
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=10**6)] = 6000
    """Requests per minute of each key that has no limit of its own; one more is answered 429 with Retry-After."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names, separated by commas, under which a service without keys may be asked over loopback, besides localhost and
    addresses: so that no foreign page can reach it by a name of its own (DNS rebinding)."""
    metrics: MetricsAccess = MetricsAccess.AUTO
    """Who may read /metrics: auto, open or off."""
    metrics_token: SecretStr | None = None
    """Bearer token that opens /metrics and nothing else, for Prometheus."""
    otlp_endpoint: str | None = None
    """Where traces are sent, e.g. http://collector:4318/v1/traces (OTLP over HTTP); nothing is traced without."""
    log_format: LogFormat = LogFormat.PLAIN
    """Lines of the log: plain for people, json for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _separated_by_commas(cls, given: object) -> object:
        return tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _a_queue_needs_postgresql(self) -> Self:
        url = self.database_url.get_secret_value() if self.database_url is not None else ""
        if self.executor is ExecutorChoice.QUEUE and not url.startswith(("postgresql", "postgres://")):
            raise ValueError(
                "PLACEMENT_EXECUTOR=queue needs PLACEMENT_DATABASE_URL=postgresql://user:password@host/name"
            )
        return self
