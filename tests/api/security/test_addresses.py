from __future__ import annotations

import pytest

from api.security.addresses import own_name, reached_at


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]",
                                  "10.1.2.3:80", "plans.localhost", "localhost."])  # fmt: skip
def test_addresses_and_localhost_are_own_names(host):
    assert own_name(host, ())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io",
                                  "evil-localhost", "", "[evil]"])  # fmt: skip
def test_names_that_a_foreign_site_could_point_here_are_not(host):
    assert not own_name(host, ())


def test_an_allowed_name_is_an_own_one():
    assert own_name("Plans.example:443", ("plans.example",))


@pytest.mark.parametrize(
    ("server", "loopback"),
    [(("127.0.0.1", 8000), True), (("127.8.8.8", 1), True), (("::1", 80), True), (("::ffff:127.0.0.1", 80), True),
     (("192.168.1.2", 80), False), (("fe80::1%eth0", 80), False), (("::ffff:10.0.0.1", 80), False)],
)  # fmt: skip
def test_the_socket_says_whether_a_connection_came_over_loopback(server, loopback):
    address = reached_at(server)
    assert address is not None
    assert address.is_loopback is loopback


@pytest.mark.parametrize("server", [None, ("/run/placement.sock", None), ("testserver", 80)])
def test_a_unix_socket_and_a_call_within_the_process_have_no_address(server):
    assert reached_at(server) is None
