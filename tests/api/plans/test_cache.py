from __future__ import annotations

from datetime import UTC, datetime

from api.execution.base import Kind
from api.plans.answers import Asked
from api.plans.cache import AskedBefore, ProvenAnswer, ProvenAnswers


def proven(name: str, size: int) -> ProvenAnswer:
    return ProvenAnswer(f"plan-{name}", "optimal", b"x" * size, datetime.now(UTC))


def test_the_answer_that_was_not_used_longest_makes_room():
    answers = ProvenAnswers(100)
    for name in "abc":
        answers.put("me", name, proven(name, 40))
        answers.get("me", "a")
    assert [answers.get("me", name) is not None for name in "abc"] == [True, False, True]


def test_an_answer_larger_than_all_room_is_not_kept_and_drives_nothing_out():
    answers = ProvenAnswers(100)
    answers.put("me", "a", proven("a", 40))
    answers.put("me", "b", proven("b", 101))
    assert answers.get("me", "a") is not None
    assert answers.get("me", "b") is None


def test_an_answer_put_again_counts_once():
    answers = ProvenAnswers(100)
    for _ in range(5):
        answers.put("me", "a", proven("a", 60))
    answers.put("me", "b", proven("b", 40))
    assert answers.get("me", "a") is not None


def test_one_owners_answer_is_not_anothers():
    answers = ProvenAnswers(100)
    answers.put("me", "a", proven("a", 40))
    assert answers.get("you", "a") is None


def test_what_the_store_no_longer_keeps_is_forgotten():
    answers = ProvenAnswers(100)
    answers.put("me", "a", proven("a", 40))
    answers.put("me", "b", proven("b", 40))
    answers.forget({"plan-a"})
    assert answers.get("me", "a") is None
    assert answers.get("me", "b") is not None


def test_only_so_many_requests_are_remembered():
    before = AskedBefore(most=2)
    for name in (b"a", b"b", b"a", b"c"):
        before.put(name, Asked(Kind.PLAN, name.decode(), 1.0))
    assert before.get(b"b") is None
    assert before.get(b"a") is not None
    assert before.get(b"c") is not None
