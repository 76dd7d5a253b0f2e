from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from api.security.keyring import EAGER_S, FRESH_S, OUTAGE_S, Keyring, KeysUnknown
from tests.api.security.rows import NOW, Clock, Store, key, revoked


@pytest.fixture
def clock():
    return Clock()


def ring(store: Store, clock: Clock) -> Keyring:
    return Keyring(store.read, clock, lambda: NOW)


def test_many_requests_within_seconds_read_the_keys_once(clock):
    text, row = key()
    store = Store(row)
    keyring = ring(store, clock)

    async def ask() -> list[object]:
        return await asyncio.gather(*(keyring.key_of(text) for _ in range(50)))

    assert asyncio.run(ask()) == [row] * 50
    assert store.reads == 1


def test_a_revoked_key_opens_nothing_after_three_seconds(clock):
    text, row = key()
    store = Store(row)
    keyring = ring(store, clock)
    assert asyncio.run(keyring.key_of(text)) is row
    store.rows = [replace(row, revoked_at=NOW)]
    clock.now += FRESH_S
    assert asyncio.run(keyring.key_of(text)) is None


def test_a_new_key_opens_at_once_but_guesses_do_not_wear_the_store_out(clock):
    store = Store()
    keyring = ring(store, clock)
    text, row = key()
    assert asyncio.run(keyring.key_of(text)) is None
    store.rows.append(row)
    clock.now += EAGER_S
    assert asyncio.run(keyring.key_of(text)) is row
    reads = store.reads
    for _ in range(100):
        assert asyncio.run(keyring.key_of(key()[0])) is None
    assert store.reads == reads


def test_what_is_no_key_at_all_is_refused_without_the_store(clock):
    store = Store()
    assert asyncio.run(ring(store, clock).key_of("guess")) is None
    assert store.reads == 0


def test_a_store_that_fails_leaves_the_keys_valid_for_a_minute_and_then_nobody_gets_in(clock, caplog):
    text, row = key()
    store = Store(row)
    keyring = ring(store, clock)
    assert asyncio.run(keyring.key_of(text)) is row
    store.broken = True
    clock.now += OUTAGE_S
    with caplog.at_level(logging.ERROR, "placement.security"):
        assert asyncio.run(keyring.key_of(text)) is row
    assert "cannot be read" in caplog.text
    clock.now += FRESH_S
    with pytest.raises(KeysUnknown):
        asyncio.run(keyring.key_of(text))
    store.broken = False
    clock.now += FRESH_S
    assert asyncio.run(keyring.key_of(text)) is row


def test_a_store_that_was_never_read_lets_nobody_in(clock):
    store = Store()
    store.broken = True
    keyring = ring(store, clock)
    with pytest.raises(KeysUnknown):
        asyncio.run(keyring.any_created())
    with pytest.raises(KeysUnknown):
        asyncio.run(keyring.key_of(key()[0]))


def test_a_revoked_key_counts_as_created(clock):
    assert asyncio.run(ring(Store(revoked()[1]), clock).any_created())
    assert not asyncio.run(ring(Store(), clock).any_created())
