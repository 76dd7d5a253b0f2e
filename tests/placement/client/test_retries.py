"""Which calls are made again, after which pause, and until when."""

from __future__ import annotations

import httpx
import pytest

from placement.client import Overloaded, Retries, ServiceFault, Unavailable, UnexpectedAnswer
from tests.placement.client.world import BEGIN, World, ended, plan_of, problem

SHORT = {"retries": Retries(deadline_s=10.0, first_pause_s=1.0, longest_pause_s=4.0)}
REFUSED = httpx.ConnectError("connection refused")


def keys(world: World) -> set[str]:
    return {request.headers["idempotency-key"] for request in world.asked}


def test_a_full_queue_is_waited_for_as_long_as_it_says(world: World) -> None:
    world.says = [problem("busy", 503, Retry_After="7"), ended()]
    assert world.call("plan", {}).status == "optimal"
    assert world.slept_s == [7.0]


def test_retry_after_may_be_a_date(world: World) -> None:
    world.says = [problem("too-many-requests", 429, Retry_After=f"{BEGIN:%a, %d %b %Y} 12:00:09 GMT"), ended()]
    world.call("plan", {})
    assert world.slept_s == [9.0]


def test_a_date_is_read_by_the_clock_of_who_wrote_it(world: World) -> None:
    dates = {"Retry_After": "Fri, 01 Jan 2027 00:00:05 GMT", "Date": "Fri, 01 Jan 2027 00:00:00 GMT"}
    world.says = [problem("busy", 503, **dates), ended()]
    world.call("plan", {})
    assert world.slept_s == [5.0]


@pytest.mark.parametrize("nonsense", ["soon", "-3", "", "9" * 400, "Fri, 99 Foo 2027"])
def test_a_retry_after_that_says_nothing_counts_as_none(world: World, nonsense: str) -> None:
    world.says = [problem("busy", 503, Retry_After=nonsense), ended()]
    world.call("plan", {}, client=SHORT)
    assert world.slept_s == [0.5]  # half of the first pause


def test_callers_who_were_sent_away_together_do_not_come_back_together(world: World) -> None:
    world.chance = 0.5
    world.says = [problem("busy", 503, Retry_After="8"), ended()]
    world.call("plan", {})
    assert world.slept_s == [pytest.approx(8.4)]


def test_pauses_double_up_to_the_longest_and_end_before_the_deadline(world: World) -> None:
    world.chance = 1.0
    world.says = [REFUSED]
    with pytest.raises(Unavailable, match=r"no answer from http://service\.test: ConnectError"):
        world.call("plan", {}, client=SHORT)
    assert world.slept_s == [1, 2, 4]  # one of 4 s more would end behind the tenth second
    assert world.seconds < 10


def test_who_is_told_to_come_after_the_deadline_gives_up_at_once(world: World) -> None:
    world.says = [problem("busy", 503, Retry_After="30")]
    with pytest.raises(Overloaded) as caught:
        world.call("plan", {}, client=SHORT)
    assert (caught.value.retry_after_s, caught.value.status, world.slept_s) == (30, 503, [])


def test_attempts_that_take_their_time_count(world: World) -> None:
    world.says = [world.after(4.0, httpx.ReadTimeout("silence"))]
    with pytest.raises(Unavailable):
        world.call("limits", client=SHORT)
    silences_s = [request.extensions["timeout"]["read"] for request in world.asked]
    assert silences_s == [10, 5.5, 0.5]  # pauses of 0.5 and 1 s between


@pytest.mark.parametrize(
    "trouble",
    [
        REFUSED,
        httpx.ReadTimeout("silence"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.Response(502),
        httpx.Response(504),
        httpx.Response(503),
        httpx.Response(408),
    ],
    ids=repr,
)
def test_a_plan_is_asked_for_again_under_the_same_key(world: World, trouble: httpx.Response | Exception) -> None:
    world.says = [trouble, trouble, ended()]
    assert world.call("plan", {}).id == "plan-1"
    assert [request.method for request in world.asked] == ["POST"] * 3
    assert len(keys(world)) == 1


def test_every_plan_has_a_key_of_its_own(world: World) -> None:
    world.says = [ended()]
    world.call("plan", {})
    world.call("plan", {})
    assert len(keys(world)) == 2


def test_the_caller_may_choose_the_key(world: World) -> None:
    world.says = [ended()]
    world.call("plan", {}, idempotency_key="night 17")
    assert keys(world) == {"night 17"}


@pytest.mark.parametrize("status", [500, 501, 302])
def test_a_fault_that_will_come_again_is_not_asked_for_again(world: World, status: int) -> None:
    world.says = [httpx.Response(status)]
    with pytest.raises((ServiceFault, UnexpectedAnswer)):
        world.call("plan", {})
    assert len(world.asked) == 1


def test_an_error_of_the_transport_that_will_come_again_is_not_tried_again(world: World) -> None:
    world.says = [httpx.LocalProtocolError("bad header")]
    with pytest.raises(Unavailable):
        world.call("plan", {})
    assert len(world.asked) == 1


@pytest.mark.parametrize("probe", ["health", "readiness"])
def test_probes_are_asked_once(world: World, probe: str) -> None:
    world.says = [problem("draining", 503, Retry_After="1")]
    with pytest.raises(Unavailable) as caught:
        world.call(probe)
    assert (len(world.asked), caught.value.retry_after_s) == (1, 1)


def test_an_answer_that_trickles_past_the_deadline_is_left(world: World) -> None:
    class Trickle(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            for _ in range(100):
                world.seconds += 1
                yield b" "

        async def __aiter__(self):
            for part in self:
                yield part

    def answer(request: httpx.Request) -> httpx.Response:
        world.asked.append(request)
        return httpx.Response(200, stream=Trickle())

    with pytest.raises(Unavailable, match="not complete"):
        world.call("limits", client={**SHORT, "transport": httpx.MockTransport(answer)})
    assert world.seconds <= 12


def test_success_forgets_the_failures_before_it(world: World) -> None:
    world.chance = 1.0
    answers = [httpx.Response(202, json=plan_of("running"))]
    for _ in range(4):  # 28 s lost in all, 7 s in a row
        answers += [REFUSED, REFUSED, REFUSED, world.waited_for(httpx.Response(202, json=plan_of("running")))]
    world.says = [*answers, ended()]
    assert world.call("plan", {}, client=SHORT).status == "optimal"
    assert world.slept_s == [1, 2, 4] * 4
