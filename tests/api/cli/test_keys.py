from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from api.cli.consoles import Exit
from api.security.keyring import Keyring
from api.settings import Settings
from api.state import database_url
from api.store import Database
from api.store.keys import KeyRow, KeyStore
from tests.api.cli.runs import run


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(folder))
    return folder


def opened_by(text: str) -> KeyRow | None:
    """The key that this text opens for the service."""

    async def ask() -> KeyRow | None:
        async with Database(database_url(Settings())) as database:
            return await Keyring(KeyStore(database).all).key_of(text)

    return asyncio.run(ask())


def test_a_created_key_opens_and_is_printed_once_and_alone(state: Path) -> None:
    result = run("keys", "create", "control loop", "--owner", "team-a", "--expires-in", "90d", "--rate", "600")
    assert result.exit_code == Exit.OK
    text = result.stdout.strip()
    key = opened_by(text)
    assert key is not None
    assert (key.owner, key.label, key.rate_per_minute) == ("team-a", "control loop", 600)
    assert key.id in result.stderr
    listed = run("keys", "list").stdout
    assert key.id in listed
    assert "team-a" in listed
    secret = text.rpartition("_")[2]
    assert secret not in listed + run("keys", "list", "--json").stdout
    assert all(secret.encode() not in file.read_bytes() for file in state.iterdir())


def test_a_key_without_an_owner_is_one_of_its_own() -> None:
    one, other = (opened_by(run("keys", "create", "x").stdout.strip()) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.owner == one.id != other.owner


def test_a_revoked_key_opens_nothing_and_stays_in_the_list() -> None:
    text = run("keys", "create", "x").stdout.strip()
    [entry] = json.loads(run("keys", "list", "--json").stdout)
    assert entry["usable"] is True
    assert run("keys", "revoke", entry["id"]).exit_code == Exit.OK
    assert opened_by(text) is None
    [entry] = json.loads(run("keys", "list", "--json").stdout)
    assert entry["usable"] is False
    assert "revoked" in run("keys", "list").stdout


def test_what_cannot_be_revoked_is_said() -> None:
    run("keys", "create", "x")
    [entry] = json.loads(run("keys", "list", "--json").stdout)
    run("keys", "revoke", entry["id"])
    for key_id in (entry["id"], "key-that-never-was"):
        result = run("keys", "revoke", key_id)
        assert result.exit_code == Exit.BAD_INPUT
        assert key_id in result.stderr


def test_without_keys_the_list_says_so() -> None:
    assert run("keys", "list").stdout == "there are no keys\n"
    assert json.loads(run("keys", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    "options", [("--expires-in", "soon"), ("--expires-in", "0d"), ("--owner", "a\nb"), ("--owner", ""), ("--rate", "0")]
)
def test_bad_options_are_refused_and_nothing_is_created(options: tuple[str, str]) -> None:
    assert run("keys", "create", "x", *options).exit_code == Exit.BAD_INPUT
    assert json.loads(run("keys", "list", "--json").stdout) == []


def test_a_database_that_cannot_be_used_is_named_and_no_key_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "file"))
    result = run("keys", "create", "x")
    assert result.exit_code == Exit.INTERNAL
    assert result.stdout == ""
    assert "the database cannot be used" in result.stderr
