from __future__ import annotations

from api.security.rates import Rates
from tests.api.security.rows import Clock


def test_a_key_may_use_its_minute_at_once_and_then_one_request_per_share_of_it():
    clock = Clock()
    rates = Rates(clock)
    assert [rates.ask("a", 6).remaining for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    refused = rates.ask("a", 6)
    assert not refused.granted
    assert refused.reset_s == 10
    clock.now += 9.9
    assert not rates.ask("a", 6).granted
    clock.now += 0.2
    assert rates.ask("a", 6).granted
    assert not rates.ask("a", 6).granted


def test_refused_requests_do_not_put_the_next_one_off():
    clock = Clock()
    rates = Rates(clock)
    for _ in range(100):
        rates.ask("a", 1)
    clock.now += 60
    assert rates.ask("a", 1).granted


def test_an_idle_minute_restores_the_whole_allowance_and_no_more():
    clock = Clock()
    rates = Rates(clock)
    for _ in range(10):
        rates.ask("a", 10)
    clock.now += 3600
    assert [rates.ask("a", 10).granted for _ in range(11)] == [True] * 10 + [False]


def test_keys_do_not_share_their_allowance():
    rates = Rates(Clock())
    assert rates.ask("a", 1).granted
    assert not rates.ask("a", 1).granted
    assert rates.ask("b", 1).granted


def test_the_headers_say_policy_rest_and_when_to_come_again():
    rates = Rates(Clock())
    assert rates.ask("a", 2).headers() == [
        (b"ratelimit-policy", b'"key";q=2;w=60'),
        (b"ratelimit", b'"key";r=1;t=30'),
    ]
    rates.ask("a", 2)
    assert (b"retry-after", b"30") in rates.ask("a", 2).headers()
