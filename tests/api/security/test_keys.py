from __future__ import annotations

from datetime import timedelta

import pytest

from api.security import keys
from tests.api.security.rows import NOW, expired, key, revoked


def test_two_keys_are_never_alike_and_name_their_ids():
    one, other = keys.mint(), keys.mint()
    assert one.text != other.text
    assert keys.id_in(one.text) == one.id != other.id


def test_neither_the_hash_nor_the_printed_object_holds_the_key():
    minted = keys.mint()
    secret = minted.text.rpartition("_")[2]
    assert len(secret) == 64
    assert secret not in minted.key_hash
    assert secret not in repr(minted)


def test_a_key_opens_with_its_own_text_only():
    text, row = key()
    other, _ = key()
    assert keys.opens(row, text, NOW)
    assert not keys.opens(row, other, NOW)
    assert not keys.opens(row, text + " ", NOW)


@pytest.mark.parametrize("make", [expired, revoked])
def test_an_expired_or_revoked_key_opens_nothing(make):
    text, row = make()
    assert not keys.opens(row, text, NOW)


def test_a_key_opens_until_the_moment_it_expires():
    text, row = key(expires_at=NOW)
    assert keys.opens(row, text, NOW - timedelta(microseconds=1))
    assert not keys.opens(row, text, NOW)


@pytest.mark.parametrize(
    "text", ["", "placement", "placement_key-0_0", "Bearer x", "placement_key-" + "g" * 12 + "_" + "0" * 64, "\N{BOMB}"]
)
def test_what_cannot_be_a_key_has_no_id(text):
    assert keys.id_in(text) is None
