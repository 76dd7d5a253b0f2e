"""`placement keys`: who may use the service. Works on the service's database, also while it runs."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.text import Text

from api.cli import inputs
from api.cli.consoles import Exit, messages, output
from api.cli.names import plain
from api.cli.planning import AsJson
from api.cli.tables import add_figures, add_names, add_whole, table
from api.settings import Settings

if TYPE_CHECKING:  # SQLAlchemy takes half a second that the other commands need not pay
    from api.store.keys import KeyRow, KeyStore

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys, in the database of the service.")
_DURATION = re.compile(r"([1-9]\d{0,5})([hdw])")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_TEXT = re.compile(r"[\w .:@/+-]{1,100}")
"""What a label or an owner may look like: it appears in tables and logs."""


@app.command()
def create(
    label: Annotated[str, typer.Argument(help="What people call the key, e.g. the program that uses it.")],
    owner: Annotated[
        str | None,
        typer.Option(help="Whose plans it sees; keys of one owner see the same. Default: an owner of its own."),
    ] = None,
    expires_in: Annotated[str | None, typer.Option(help="How long it is valid: 12h, 90d, 8w. Default: always.")] = None,
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, help="Requests per minute. Default: PLACEMENT_RATE_LIMIT_PER_MINUTE."),
    ] = None,
) -> None:
    """Create a key and print it to standard output: once, for only its hash is kept."""
    from api.security.keys import mint
    from api.store.keys import KeyRow

    minted, now = mint(), datetime.now(UTC)
    row = KeyRow(
        id=minted.id,
        owner=minted.id if owner is None else _text("--owner", owner),
        label=_text("LABEL", label),
        key_hash=minted.key_hash,
        created_at=now,
        expires_at=None if expires_in is None else now + _duration(expires_in),
        rate_per_minute=rate,
    )
    _with_keys(lambda keys: keys.insert(row))
    typer.echo(minted.text)
    until = "" if row.expires_at is None else f", valid until {row.expires_at:%Y-%m-%d %H:%M} UTC"
    messages().print(f"{row.id} is created, owner {row.owner}{until}. Keep the key safe: it is not shown again.")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys that were ever created, without what opens."""
    now = datetime.now(UTC)
    rows = _with_keys(lambda keys: keys.all())
    if as_json:
        typer.echo(json.dumps([_entry(row, now) for row in rows], indent=2, ensure_ascii=False))
        return
    console = output()
    shown = table(ascii_only=console.options.ascii_only)
    add_whole(shown, "id")
    add_names(shown, "label", "owner")
    add_whole(shown, "state", "created")
    add_figures(shown, "per minute")
    for row in rows:
        state = _state(row, now)
        shown.add_row(
            row.id,
            plain(row.label),
            plain(row.owner),
            Text(state, "dim" if state.startswith(("revoked", "expired")) else ""),
            _day(row.created_at),
            "default" if row.rate_per_minute is None else str(row.rate_per_minute),
        )
    console.print(shown if rows else "there are no keys")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `placement keys list` shows it.")]) -> None:
    """Revoke a key; running services let it in for three more seconds at most."""
    if not _with_keys(lambda keys: keys.revoke(key_id)):
        inputs.refuse("KEY_ID", f"{plain(key_id)} is no key, or was revoked before; see placement keys list")
    messages().print(f"{key_id} is revoked")


def stored_keys(settings: Settings) -> list[KeyRow]:
    """All keys in the database of these settings, for the check before the service binds its address."""
    return _with_keys(lambda keys: keys.all(), settings)


def _with_keys(work: Callable[[KeyStore], Awaitable[Result]], settings: Settings | None = None) -> Result:
    from api.state import database_url
    from api.store import Database, SchemaTooNew, StoreUnavailable
    from api.store.keys import KeyStore

    async def run() -> Result:
        async with Database(database_url(settings or Settings()), readers=1) as database:
            return await work(KeyStore(database))

    try:
        return asyncio.run(run())
    except (StoreUnavailable, SchemaTooNew, ValueError) as fault:
        messages().print(f"error: the database cannot be used: {plain(fault, 500)}")
        raise typer.Exit(Exit.INTERNAL) from None


def _text(name: str, given: str) -> str:
    if not _TEXT.fullmatch(given):
        inputs.refuse(name, "1 to 100 letters, digits, blanks and . : @ / + - _ are allowed")
    return given


def _duration(given: str) -> timedelta:
    found = _DURATION.fullmatch(given)
    if found is None:
        inputs.refuse("--expires-in", "a number with h (hours), d (days) or w (weeks) is needed, as in 90d")
    return int(found[1]) * _UNIT[found[2]]


def _state(row: KeyRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return f"revoked {_day(row.revoked_at)}"
    if not _usable(row, now):
        return "expired"
    return "valid" if row.expires_at is None else f"until {_day(row.expires_at)}"


def _entry(row: KeyRow, now: datetime) -> dict[str, object]:
    moments = {"created_at": row.created_at, "expires_at": row.expires_at, "revoked_at": row.revoked_at}
    return {
        "id": row.id,
        "label": row.label,
        "owner": row.owner,
        "usable": _usable(row, now),
        "rate_per_minute": row.rate_per_minute,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
    }


def _usable(row: KeyRow, now: datetime) -> bool:
    from api.security.keys import usable

    return usable(row, now)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
