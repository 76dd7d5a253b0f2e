from __future__ import annotations

import pytest

from api.plans.preferences import Preferences, preferences


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["wait=10"], Preferences(wait_s=10)),
        (["Respond-Async, WAIT = 5"], Preferences(respond_async=True, wait_s=5)),
        (["respond-async", "wait=7"], Preferences(respond_async=True, wait_s=7)),
        (['wait="12"'], Preferences(wait_s=12)),
        (["wait=3; foo=bar, handling=lenient"], Preferences(wait_s=3)),
        (["wait=1, wait=9"], Preferences(wait_s=1)),
    ],
)
def test_preferences_are_read_as_rfc_7240_writes_them(headers, expected):
    assert preferences(headers) == expected


@pytest.mark.parametrize(
    "header", ["wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "wait=" + "9" * 30, "wait=٣", ","]
)
def test_a_malformed_preference_counts_as_not_said(header):
    assert preferences([header]) == Preferences()


@pytest.mark.parametrize(
    ("wishes", "seconds"),
    [
        (Preferences(), 12.0),
        (Preferences(respond_async=True), 0.0),
        (Preferences(wait_s=3), 3.0),
        (Preferences(wait_s=300), 60.0),
        (Preferences(respond_async=True, wait_s=3), 3.0),
    ],
)
def test_nobody_waits_longer_than_he_wants_or_than_the_service_lets_him(wishes, seconds):
    assert wishes.seconds_to_wait(12.0, 60.0) == seconds


def test_the_answer_says_which_preference_was_followed():
    assert Preferences().applied(12.0, at_once=True) == {}
    assert Preferences(respond_async=True).applied(0.0, at_once=True) == {"Preference-Applied": "respond-async"}
    assert Preferences(respond_async=True).applied(0.0, at_once=False) == {}
    assert Preferences(wait_s=300).applied(60.0, at_once=False) == {"Preference-Applied": "wait=60"}
