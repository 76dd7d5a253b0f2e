"""Accepted once, ended once: what every database owes to those who post plans and keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from api.store import (
    Database,
    Filters,
    KeyRow,
    KeyStore,
    PlanRow,
    PlanStore,
    Result,
    StoreUnavailable,
)
from api.store.plans import numbered
from tests.api.store.rows import OPTIMAL, every_call, fails, open_store, plan

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class AcceptingContract:
    """What is accepted, and how it ends."""

    def test_a_plan_is_read_back_as_it_was_kept(self, url):
        kept = plan(
            request=bytes(range(256)) * 300,
            name="naïve \N{SNOWMAN}",
            objective="latency",
            idempotency_key="once",
            created_at=datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        )

        async def scenario():
            async with open_store(url) as store:
                inserted = await store.insert(kept)
                return inserted, await store.get(kept.id, "ann", with_request=True)

        inserted, found = asyncio.run(scenario())
        assert inserted.created
        assert found == inserted.row == replace(kept, instance="here")
        assert found.created_at.tzinfo is UTC

    def test_an_ended_plan_is_read_back_with_its_answer_and_figures(self, url):
        kept = plan()
        result = Result("feasible", b"\x00\xff", False, "energy", 1.5, 0.1 + 0.2, 1 / 3, "time_limit")

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                started, ended = await store.start(kept.id), await store.finish(kept.id, result)
                return started, ended, await store.get(kept.id, "ann")

        started, ended, found = asyncio.run(scenario())
        assert started
        assert ended
        assert (found.status, found.answer, found.proven, found.objective) == ("feasible", b"\x00\xff", False, "energy")
        assert (found.value, found.bound, found.gap, found.termination) == (1.5, 0.1 + 0.2, 1 / 3, "time_limit")
        assert found.attempts == 1
        assert kept.created_at <= found.started_at <= found.ended_at

    def test_fifty_callers_with_one_key_keep_one_plan_and_all_learn_which(self, url):
        async def scenario():
            async with open_store(url) as store:
                inserts = (store.insert(plan(idempotency_key="once")) for _ in range(50))
                return await asyncio.gather(*inserts), await store.page("ann", Filters(), None, 100)

        inserted, page = asyncio.run(scenario())
        assert sum(one.created for one in inserted) == 1
        assert {one.row.id for one in inserted} == {row.id for row in page.rows}
        assert len(page.rows) == 1

    def test_whose_key_was_taken_is_shown_the_request_and_the_answer_kept_under_it(self, url):
        first = plan(idempotency_key="once", request_hash="first")

        async def scenario():
            async with open_store(url) as store:
                await store.insert(first)
                await store.finish(first.id, OPTIMAL)
                again = await store.insert(plan(idempotency_key="once", request_hash="second"))
                return again, await store.by_idempotency_key("ann", "once")

        again, found = asyncio.run(scenario())
        assert not again.created
        assert (again.row.id, again.row.request_hash, again.row.answer) == (first.id, "first", OPTIMAL.answer)
        assert found == again.row

    def test_equal_keys_of_two_owners_are_two_plans(self, url):
        async def scenario():
            async with open_store(url) as store:
                return [await store.insert(plan(owner=owner, idempotency_key="once")) for owner in ("ann", "bob")]

        assert all(inserted.created for inserted in asyncio.run(scenario()))

    def test_plans_without_a_key_are_all_kept(self, url):
        async def scenario():
            async with open_store(url) as store:
                return [await store.insert(plan()) for _ in range(3)]

        assert all(inserted.created for inserted in asyncio.run(scenario()))

    def test_inserting_a_plan_again_changes_nothing(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                await store.start(kept.id)
                return await store.insert(kept)

        again = asyncio.run(scenario())
        assert not again.created
        assert again.row.status == "running"

    def test_an_answer_from_the_cache_is_kept_in_one_write(self, url):
        now = datetime.now(UTC)
        cached = plan(status="optimal", answer=b"{}", proven=True, started_at=now, ended_at=now)

        async def scenario():
            async with open_store(url) as store:
                await store.insert(cached, numbered(1, [("queued", "{}"), ("done", "{}")]))
                found, events = await store.get(cached.id, "ann"), await store.events(cached.id)
                return found, events, await store.unfinished()

        found, events, unfinished = asyncio.run(scenario())
        assert (found.status, found.answer, found.ended) == ("optimal", b"{}", True)
        assert [event.name for event in events] == ["queued", "done"]
        assert unfinished == []

    def test_of_two_ends_the_first_stands(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                ends = [store.finish(kept.id, Result(f"end {n}", f"{n}".encode())) for n in range(5)]
                return await asyncio.gather(*ends), await store.get(kept.id, "ann")

        ended, found = asyncio.run(scenario())
        assert ended.count(True) == 1
        assert (found.status, found.answer) == (f"end {ended.index(True)}", f"{ended.index(True)}".encode())

    def test_what_has_ended_or_never_was_can_neither_start_nor_be_cancelled(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                await store.finish(kept.id, OPTIMAL)
                tried = [
                    await step(plan_id) for plan_id in (kept.id, "x") for step in (store.start, store.request_cancel)
                ]
                return tried, await store.finish("x", OPTIMAL), await store.get(kept.id, "ann")

        tried, ended, found = asyncio.run(scenario())
        assert tried == [False] * 4
        assert not ended
        assert (found.status, found.attempts, found.cancel_requested) == ("optimal", 0, False)

    def test_a_wish_to_cancel_outlives_a_crash(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                return await store.request_cancel(kept.id), await store.unfinished()

        noted, unfinished = asyncio.run(scenario())
        assert noted
        assert [row.cancel_requested for row in unfinished] == [True]

    def test_a_write_that_fails_leaves_its_neighbours_alone(self, url):
        rows = [plan() for _ in range(20)]

        async def scenario():
            async with Database(url) as database, PlanStore(database, "here") as store:
                writes = [store.insert(row) for row in rows]
                writes.insert(
                    10, database.write(lambda connection: connection.execute(text("SELECT nonsense FROM plans")))
                )
                writes.insert(5, database.write(lambda _: 1 / 0))
                results = await asyncio.gather(*writes, return_exceptions=True)
                return results, [await store.status(row.id, "ann") for row in rows]

        results, kept = asyncio.run(scenario())
        assert [place for place, result in enumerate(results) if isinstance(result, Exception)] == [5, 11]
        assert isinstance(results[5], ZeroDivisionError)
        assert all(kept)

    def test_a_caller_who_leaves_does_not_take_his_plan_along(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                leaving = asyncio.create_task(store.insert(kept))
                await asyncio.sleep(0)
                leaving.cancel()
                await store.insert(plan())  # writes are made in the order of their asking
                return await asyncio.wait([leaving]), await store.status(kept.id, "ann")

        (left, _), found = asyncio.run(scenario())
        assert left.pop().cancelled()
        assert isinstance(found, PlanRow)

    def test_a_closed_store_says_so_at_once(self, url):
        async def scenario():
            async with open_store(url) as store:
                calls = every_call(store)
            return await fails(calls)

        assert all(asyncio.run(scenario()).values())

    def test_a_closed_database_stays_closed(self, url):
        async def scenario():
            database = Database(url)
            await database.open()
            await database.close()
            with pytest.raises(StoreUnavailable):
                await asyncio.wait_for(database.open(), 10.0)

        asyncio.run(scenario())

    def test_a_plan_is_kept_unless_the_owner_has_a_proven_answer_to_its_question(self, url):
        asked, again, anothers = plan(owner="ann"), plan(owner="ann"), plan(owner="bob")

        async def scenario():
            async with open_store(url) as store:
                first = await store.insert(asked, unless_proven=True)
                await store.finish(asked.id, Result("optimal", b"answer", proven=True))
                return first, [await store.insert(row, unless_proven=True) for row in (again, anothers)]

        first, (second, third) = asyncio.run(scenario())
        assert (first.created, first.proven) == (third.created, third.proven) == (True, False)
        assert (second.created, second.proven, second.row.id, second.row.answer) == (False, True, asked.id, b"answer")

    def test_keys_are_kept_listed_and_revoked_once(self, url):
        first = KeyRow("key-1", "ann", "laptop", "hash-1", LONG_AGO)
        second = KeyRow("key-2", "bob", "cluster", "hash-2", LONG_AGO + timedelta(1), LONG_AGO + timedelta(9), None, 60)

        async def scenario():
            async with Database(url) as database:
                keys = KeyStore(database)
                for key in (second, first):
                    await keys.insert(key)
                before = await keys.all()
                revoked = [await keys.revoke(key_id) for key_id in ("key-1", "key-1", "key-3")]
                return before, revoked, await keys.all()

        before, revoked, after = asyncio.run(scenario())
        assert before == [first, second]
        assert revoked == [True, False, False]
        assert after[1:] == [second]
        assert after[0].revoked_at > LONG_AGO
