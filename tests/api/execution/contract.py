"""What every executor keeps. A suite inherits `ExecutorContract` and gives it a `rig` whose work are the doubles.

The rig's executor has two slots, and a queue of two.
"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from api.execution.base import Full, Kind, Outcome
from models.plan import Termination
from tests.api.execution.rig import Rig, wait_until

SLOTS, QUEUE_LENGTH = 2, 2


class ExecutorContract:
    @pytest.fixture(autouse=True)
    def _afterwards_nothing_is_in_hand(self, rig: Rig):
        yield
        rig.wait_until_idle()
        assert rig.load().queued == 0

    @pytest.mark.parametrize("kind", Kind)
    def test_the_answer_is_what_the_work_answers(self, rig: Rig, kind: Kind):
        running = rig.start("echo", kind=kind, text="é" * 1000)
        assert running.result().outcome is Outcome.ANSWERED
        assert running.answer() == {"id": running.id, "text": "é" * 1000, "threads": 1, "traceparent": "00-1-2-03"}

    def test_a_large_body_arrives_whole(self, rig: Rig):
        text = "0123456789" * 300_000
        assert rig.start("echo", text=text).answer()["text"] == text

    def test_an_ending_tells_how_long_it_took(self, rig: Rig):
        ending = rig.run("echo")
        assert 0 <= ending.queue_seconds < ending.queue_seconds + ending.solve_seconds < 30

    def test_refused_input_comes_back_as_what_the_caller_is_told(self, rig: Rig):
        ending = rig.run("refuse")
        assert (ending.outcome, ending.body) == (Outcome.REFUSED, b'{"status":422}')

    def test_work_that_fails_is_our_fault_and_costs_nobody_else(self, rig: Rig):
        ending = rig.run("fail")
        assert (ending.outcome, ending.body) == (Outcome.FAILED, None)
        assert "the double fails" in ending.message
        assert rig.run("echo").outcome is Outcome.ANSWERED

    def test_a_body_that_no_work_understands_is_our_fault_too(self, rig: Rig):
        assert rig.start_body(b"\xff\x00").result().outcome is Outcome.FAILED

    def test_the_first_event_says_that_work_has_begun(self, rig: Rig):
        running = rig.start("chatter", reports=30, pause_s=0.01)
        running.result()
        assert [event.name for event in running.events][:1] == ["started"]
        assert running.events[0].data["queue_seconds"] >= 0
        assert len(running.named("started")) == 1

    def test_progress_is_streamed_without_flooding_anybody(self, rig: Rig):
        running = rig.start("chatter", reports=2000, pause_s=0.0002)
        ending = running.result()
        incumbents = running.named("incumbent")
        assert 1 <= len(incumbents) <= 2 + 20 * ending.solve_seconds
        assert all(a.data["objective"] > b.data["objective"] for a, b in pairwise(incumbents))
        assert ending.incumbent == incumbents[-1].data

    def test_the_last_report_gets_out_though_nothing_follows_it(self, rig: Rig):
        running = rig.start("fall_silent")
        wait_until(lambda: bool(running.named("incumbent")))
        assert running.named("incumbent")[-1].data["objective"] == 2.0
        rig.cancel(running.id)
        assert running.answer() == {"ended": "cancelled"}

    def test_a_better_bound_on_the_same_plan_is_no_incumbent(self, rig: Rig):
        running = rig.start("tighten", bounds=8, pause_s=0.06)
        running.result()
        assert len(running.named("incumbent")) == 1
        assert len(running.named("bound")) >= 3

    def test_a_cancelled_job_ends_itself_with_its_best(self, rig: Rig, tmp_path):
        running = rig.start("improve", until=str(tmp_path / "improved"))
        rig.cancel_once_improved(running)
        assert running.result().outcome is Outcome.ANSWERED
        assert running.answer()["ended"] == "cancelled"

    def test_a_cancellation_is_kept_in_mind_until_it_is_asked_for(self, rig: Rig):
        running = rig.begun("ask_late", after_s=0.1)
        rig.cancel(running.id)
        assert running.answer() == {"cancelled": True}

    def test_the_next_job_knows_nothing_of_a_cancellation(self, rig: Rig):
        for _ in range(SLOTS):
            rig.cancel(rig.begun("ask_late", after_s=0.1).id)
        rig.wait_until_idle()
        assert [rig.start("ask_late", after_s=0.0).answer() for _ in range(SLOTS)] == [{"cancelled": False}] * SLOTS

    def test_a_job_that_does_not_obey_is_ended_by_force_and_answered_with_what_it_had(self, rig: Rig):
        running = rig.start("ignore", objective=7.0)
        rig.cancel_once_improved(running)
        assert running.result().outcome is Outcome.ANSWERED
        answer = running.answer()
        assert (answer["id"], answer["termination"]) == (running.id, Termination.CANCELLED)
        assert answer["known"]["objective"] == 7.0
        assert rig.run("echo").outcome is Outcome.ANSWERED

    @pytest.mark.parametrize("ended_by", ["cancel", "time limit"])
    def test_a_frontier_that_is_ended_by_force_is_answered_with_every_point_that_it_told(self, rig: Rig, ended_by: str):
        limit_s = {} if ended_by == "cancel" else {"time_limit_s": 0.5}
        running = rig.start("trace", latencies=[3.0, 2.0, 1.0], **limit_s)
        if ended_by == "cancel":
            wait_until(lambda: len(running.named("incumbent")) == 3)
            assert rig.cancel(running.id)
        answer = running.answer()
        assert answer["termination"] == (Termination.CANCELLED if ended_by == "cancel" else Termination.TIME_LIMIT)
        told = [point for event in running.named("incumbent") for point in event.data["found"]]
        assert answer["known"]["found"] == told
        assert [point["latency_s"] for point in told] == [3.0, 2.0, 1.0][: len(told)]
        assert told

    def test_a_job_that_had_nothing_is_answered_all_the_same(self, rig: Rig):
        running = rig.begun("ignore")
        rig.cancel(running.id)
        assert running.answer() == {"id": running.id, "termination": Termination.CANCELLED, "known": None}

    def test_work_without_a_best_so_far_is_lost_when_it_is_ended_by_force(self, rig: Rig):
        running = rig.begun("ignore", kind=Kind.EVALUATE)
        rig.cancel(running.id)
        assert (running.result().outcome, running.result().body) == (Outcome.LOST, None)

    def test_nobody_cancels_what_is_not_in_hand(self, rig: Rig):
        assert not rig.cancel("job-of-nobody")
        running = rig.start("echo")
        running.result()
        assert not rig.cancel(running.id)

    def test_a_job_that_overruns_its_time_limit_is_ended_with_what_it_had(self, rig: Rig):
        running = rig.start("ignore", objective=7.0, time_limit_s=0.2)
        answer = running.answer()
        assert (answer["termination"], answer["known"]["objective"]) == (Termination.TIME_LIMIT, 7.0)

    def test_a_job_that_eats_its_memory_is_answered_with_what_it_had(self, rig: Rig):
        answer = rig.start("eat", objective=7.0).answer()
        assert (answer["termination"], answer["known"]["objective"]) == (Termination.MEMORY_LIMIT, 7.0)
        assert rig.start("eat").answer()["known"] is None

    @pytest.mark.parametrize("habit", ["abort_for_memory", "fail_for_memory", "starve_of_threads"])
    def test_a_library_that_wants_for_memory_in_its_own_way_is_understood(self, rig: Rig, habit: str):
        assert rig.start(habit).answer()["termination"] == Termination.MEMORY_LIMIT

    def test_a_crash_is_not_taken_for_want_of_memory_and_leaves_a_stack_trace(self, rig: Rig):
        ending = rig.run("crash")
        assert ending.outcome is Outcome.LOST
        assert "SIGABRT" in ending.message
        assert "in crash" in ending.message

    def test_where_not_even_the_remains_fit_into_memory_the_ending_says_so(self, rig: Rig):
        assert rig.run("eat", hopeless=True).outcome is Outcome.MEMORY

    def test_a_dying_worker_leaves_its_neighbour_alone(self, rig: Rig, tmp_path):
        done = tmp_path / "done"
        neighbour = rig.begun("wait_for", path=str(done))
        ending = rig.run("die", objective=7.0)
        assert (ending.outcome, ending.body) == (Outcome.LOST, None)
        assert ending.incumbent is not None
        assert ending.incumbent["objective"] == 7.0
        done.touch()
        assert neighbour.answer() == {"waited": True}

    def test_slots_come_back_after_their_workers_died(self, rig: Rig):
        before = rig.load().respawned
        for running in [rig.start("die") for _ in range(SLOTS)]:
            assert running.result().outcome is Outcome.LOST
        assert rig.run("echo").outcome is Outcome.ANSWERED
        rig.wait_until_idle()
        assert rig.load().respawned == before + SLOTS

    def test_what_is_known_of_a_lost_job_can_be_made_an_answer(self, rig: Rig):
        running = rig.start("die", objective=7.0)
        lost = running.result()
        ending = rig.salvage(running.id, {"do": "die"}, lost.incumbent, Termination.WORKER_LOST)
        assert ending.outcome is Outcome.ANSWERED
        answer = json.loads(ending.body)
        assert (answer["id"], answer["termination"]) == (running.id, Termination.WORKER_LOST)
        assert answer["known"] == lost.incumbent

    def test_jobs_wait_in_turn_and_what_finds_no_room_is_refused_at_once(self, rig: Rig, tmp_path):
        done = tmp_path / "done"
        working = [rig.begun("wait_for", path=str(done)) for _ in range(SLOTS)]
        waiting = [rig.start("wait_for", path=str(done)) for _ in range(QUEUE_LENGTH)]
        wait_until(lambda: rig.load().queued == QUEUE_LENGTH)
        assert rig.load().busy == rig.load().slots == SLOTS
        with pytest.raises(Full) as full:
            rig.start("echo").result()
        assert full.value.retry_after_s >= 1
        with pytest.raises(Full):
            rig.portal.call(rig.executor.check_room, Kind.PLAN)
        assert not any(running.events for running in waiting)
        done.touch()
        for running in [*working, *waiting]:
            assert running.answer() == {"waited": True}
        assert waiting[-1].result().queue_seconds > 0
        assert rig.portal.call(rig.executor.check_room, Kind.PLAN) is None

    def test_short_work_is_done_while_plans_wait(self, rig: Rig, tmp_path):
        done = tmp_path / "done"
        plans = [rig.begun("wait_for", path=str(done)) for _ in range(SLOTS)]
        assert rig.run("echo", kind=Kind.VALIDATE).outcome is Outcome.ANSWERED
        done.touch()
        assert [running.answer() for running in plans] == [{"waited": True}] * SLOTS

    def test_a_job_that_is_cancelled_while_it_waits_ends_at_once(self, rig: Rig, tmp_path):
        done = tmp_path / "done"
        working = [rig.begun("wait_for", path=str(done)) for _ in range(SLOTS)]
        waiting = rig.start("echo")
        wait_until(lambda: rig.load().queued == 1)
        assert rig.cancel(waiting.id)
        assert waiting.answer() == {"id": waiting.id, "termination": Termination.CANCELLED, "known": None}
        assert not waiting.events
        assert not any(running.ending.done() for running in working)
        done.touch()
        assert [running.answer() for running in working] == [{"waited": True}] * SLOTS

    def test_a_caller_who_leaves_takes_the_job_along(self, rig: Rig):
        running = rig.begun("ignore")
        running.ending.cancel()
        rig.wait_until_idle()
        assert not rig.cancel(running.id)

    def test_a_job_is_in_hand_once_only(self, rig: Rig, tmp_path):
        done = tmp_path / "done"
        running = rig.begun("wait_for", path=str(done))
        with pytest.raises(ValueError, match=running.id):
            rig.run_again(running)
        done.touch()
        assert running.answer() == {"waited": True}

    def test_a_listener_that_fails_does_not_cost_the_answer(self, rig: Rig, caplog):
        def listen(_: object) -> None:
            raise RuntimeError("the listener fails")

        assert rig.run_heard_by(listen).outcome is Outcome.ANSWERED
        assert "the listener fails" in caplog.text
