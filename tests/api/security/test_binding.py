from __future__ import annotations

import socket

import pytest

from api.security.binding import OpenToAll, check, is_loopback
from api.settings import RequireKeys, Settings
from tests.api.security.rows import key, revoked

OUTSIDE = ["0.0.0.0", "::", "", "192.168.1.7", "fe80::1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_key(host):
    check(host, Settings(), [])


@pytest.mark.parametrize("host", OUTSIDE)
def test_an_address_that_others_reach_is_refused_without_a_key_and_the_ways_out_are_named(host):
    with pytest.raises(OpenToAll) as refused:
        check(host, Settings(), [])
    for way in ("placement keys create", "PLACEMENT_REQUIRE_KEYS=always", "PLACEMENT_REQUIRE_KEYS=never", "127.0.0.1"):
        assert way in str(refused.value)


@pytest.mark.parametrize("host", OUTSIDE)
def test_one_usable_key_or_a_plain_decision_is_enough(host):
    check(host, Settings(), [key()[1]])
    check(host, Settings(require_keys=RequireKeys.ALWAYS), [])
    check(host, Settings(require_keys=RequireKeys.NEVER), [])


def test_a_revoked_key_is_not_enough():
    with pytest.raises(OpenToAll):
        check("0.0.0.0", Settings(), [revoked()[1]])


def test_a_name_is_loopback_only_if_all_its_addresses_are(monkeypatch):
    def entry(address: str) -> tuple[object, ...]:
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry("127.0.0.1"), entry("10.0.0.1")])
    assert not is_loopback("two-faced")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry("127.0.0.1")])
    assert is_loopback("here")


def test_a_name_that_leads_nowhere_is_not_loopback(monkeypatch):
    def fails(*_: object, **__: object) -> object:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert not is_loopback("nowhere")
