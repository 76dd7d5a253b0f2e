"""What every database owes: inherited by the tests of SQLite in a file, SQLite in memory, and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import text

from api.store import (
    BadCursor,
    Database,
    Filters,
    KeyRow,
    KeyStore,
    PlanRow,
    PlanStore,
    Result,
    Retention,
)
from api.store.plans import numbered
from tests.api.store.rows import OPTIMAL, open_store, plan

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FOR_EVER = 1e9


class PlansContract:
    """One store at a time, so that a database in memory can keep it too."""

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

    def test_proven_answers_are_found_by_content_for_their_owner_alone(self, url):
        proven, unproven = plan(content_key="proven"), plan(content_key="unproven")

        async def scenario():
            async with open_store(url) as store:
                for row, result in ((proven, OPTIMAL), (unproven, replace(OPTIMAL, proven=False))):
                    await store.insert(row)
                    await store.finish(row.id, result)
                asked = [("ann", "proven"), ("bob", "proven"), ("ann", "unproven"), ("ann", "\0")]
                return [await store.proven_by_content(*question) for question in asked]

        found, *none = asyncio.run(scenario())
        assert (found.id, found.answer) == (proven.id, OPTIMAL.answer)
        assert none == [None] * 3

    def test_another_owners_plan_is_not_there(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                return [await see(kept.id, who) for see in (store.get, store.status) for who in ("bob", "ann", None)]

        others, own, anyones, *status = asyncio.run(scenario())
        assert others is status[0] is None
        assert own.id == anyones.id == status[1].id == status[2].id == kept.id

    def test_a_poll_reads_no_bodies(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                await store.finish(kept.id, OPTIMAL)
                return await store.status(kept.id, "ann"), await store.page("ann", Filters(), None, 1)

        status, page = asyncio.run(scenario())
        assert (status.status, status.request, status.answer) == ("optimal", b"", None)
        assert page.rows == (status,)

    def test_events_are_read_on_from_where_a_reader_stopped(self, url):
        kept = plan()

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept, numbered(1, [("queued", "{}")]))
                await store.start(kept.id, numbered(2, [("started", "{}")]))
                await store.append_events(kept.id, numbered(3, [("incumbent", '{"value": 2}'), ("bound", "{}")]))
                await store.append_events(kept.id, [(4, "late repetition", "{}"), (5, "bound", "{}")])
                await store.finish(kept.id, OPTIMAL, numbered(6, [("done", "{}")]))
                return await store.events(kept.id), await store.events(kept.id, 3, 2), await store.events(kept.id, 6)

        everything, middle, end = asyncio.run(scenario())
        names = ["queued", "started", "incumbent", "bound", "bound", "done"]
        assert [(event.seq, event.name) for event in everything] == list(enumerate(names, start=1))
        assert everything[2].data == '{"value": 2}'
        assert [event.seq for event in middle] == [4, 5]
        assert end == []

    def test_events_of_a_plan_that_is_not_there_are_dropped(self, url):
        async def scenario():
            async with open_store(url) as store:
                await store.append_events("plan-unknown", [(1, "bound", "{}")])
                return await store.events("plan-unknown")

        assert asyncio.run(scenario()) == []

    def test_pages_show_each_plan_once_newest_first_even_while_new_ones_come(self, url):
        rows = [plan(id=f"plan-{n:02}") for n in range(7)]

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                pages = [await store.page("ann", Filters(), None, 3)]
                await store.insert(plan(id="plan-99"))
                while pages[-1].next_cursor is not None:
                    pages.append(await store.page("ann", Filters(), pages[-1].next_cursor, 3))
                return pages

        pages = asyncio.run(scenario())
        assert [len(page.rows) for page in pages] == [3, 3, 1]
        assert [row.id for page in pages for row in page.rows] == [row.id for row in reversed(rows)]

    def test_lists_are_filtered_by_status_kind_name_and_time_of_creation(self, url):
        monday = datetime(2026, 11, 2, tzinfo=UTC)
        days = [monday + timedelta(days=n) for n in range(3)]
        rows = [
            plan(id="plan-1", kind="plan", name="edge", created_at=days[0]),
            plan(id="plan-2", kind="frontier", created_at=days[1]),
            plan(id="plan-3", kind="plan", name="edge", created_at=days[2]),
            plan(id="plan-4", kind="plan", owner="bob", name="edge", created_at=days[2]),
        ]
        filters = {
            "status": Filters(status=("running", "optimal")),
            "kind": Filters(kind=("frontier",)),
            "name": Filters(name="edge"),
            "from": Filters(created_from=days[1]),
            "before": Filters(created_before=days[1]),
            "all": Filters(status=("queued",), kind=("plan",), name="edge", created_from=days[2]),
            "unheard of": Filters(status=("\0",), kind=("\0",), name="\0"),
        }

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                await store.start("plan-1")
                pages = {name: await store.page("ann", wanted, None, 10) for name, wanted in filters.items()}
                return pages | {"anybody's": await store.page(None, Filters(name="edge"), None, 10)}

        found = {name: [int(row.id[-1]) for row in page.rows] for name, page in asyncio.run(scenario()).items()}
        assert found == {
            "status": [1],
            "kind": [2],
            "name": [3, 1],
            "from": [3, 2],
            "before": [1],
            "all": [3],
            "unheard of": [],
            "anybody's": [4, 3, 1],
        }

    def test_a_cursor_that_was_not_handed_out_is_refused(self, url):
        cursors = ["", "?", "plan-1", "AA", "a" * 9, "\0", "é", "Zm9v\n", "cGxhbi0xAA", "cGxhbi0x="]

        async def scenario():
            async with open_store(url) as store:
                pages = (store.page("ann", Filters(), cursor, 10) for cursor in cursors)
                return await asyncio.gather(*pages, return_exceptions=True)

        assert {type(answer) for answer in asyncio.run(scenario())} == {BadCursor}

    def test_text_that_one_database_cannot_keep_is_kept_by_both_in_another_form(self, url):
        kept = plan(name="a\0b")

        async def scenario():
            async with open_store(url) as store:
                await store.insert(kept)
                page = await store.page("ann", Filters(name="a\0b"), None, 10)
                return page, await store.get("plan-\0", "ann"), await store.is_gone("plan-\0", "ann")

        page, found, gone = asyncio.run(scenario())
        assert [row.name for row in page.rows] == ["a\N{REPLACEMENT CHARACTER}b"]
        assert found is None
        assert not gone

    def test_plans_left_behind_are_taken_up_again_with_their_requests_and_attempts(self, url):
        queued, running, ended = plan(request=b"queued"), plan(request=b"running"), plan()

        async def scenario():
            async with open_store(url) as store:
                for row in (queued, running, ended):
                    await store.insert(row)
                await store.start(running.id)
                await store.finish(ended.id, OPTIMAL)
                found = await store.unfinished()
                await store.start(running.id)
                return found, await store.status(running.id, "ann")

        found, again = asyncio.run(scenario())
        assert {(row.request, row.status, row.attempts) for row in found} == {
            (b"queued", "queued", 0),
            (b"running", "running", 1),
        }
        assert again.attempts == 2

    def test_plans_of_an_instance_that_gives_no_sign_of_life_go_to_another(self, url):
        kept = plan()

        async def scenario():
            async with Database(url) as database:
                async with PlanStore(database, "dead") as dead:
                    await dead.insert(kept)
                async with PlanStore(database, "alive") as alive:
                    early = [await alive.unfinished(), await alive.abandoned()]
                    await _forget_sign_of_life(database, "dead")
                    return early, await alive.abandoned(), await alive.abandoned()

        early, taken, again = asyncio.run(scenario())
        assert early == [[], []]
        assert [(row.id, row.instance) for row in taken] == [(kept.id, "alive")]
        assert again == []

    def test_an_instance_that_takes_its_leave_hands_its_plans_over_at_once(self, url):
        kept = plan()

        async def scenario():
            async with Database(url) as database:
                leaving = PlanStore(database, "leaving")
                await leaving.open()
                await leaving.insert(kept)
                await leaving.close(leaving=True)
                async with PlanStore(database, "staying") as staying:
                    return await staying.abandoned()

        assert [row.id for row in asyncio.run(scenario())] == [kept.id]

    def test_plans_of_a_shared_queue_are_nobodys_to_take_up(self, url):
        async def scenario():
            async with Database(url) as database:
                async with PlanStore(database) as queueing:
                    await queueing.insert(plan())
                    claimed = await queueing.unfinished()
                async with PlanStore(database, "alive") as alive:
                    return claimed, await alive.unfinished()

        assert asyncio.run(scenario()) == ([], [])

    def test_old_plans_expire_and_their_owners_are_told_so(self, url):
        old, young, unfinished = plan(id="plan-1", idempotency_key="once"), plan(id="plan-2"), plan(id="plan-3")

        async def scenario():
            async with Database(url) as database, PlanStore(database, "here") as store:
                for row in (old, young, unfinished):
                    await store.insert(row, numbered(1, [("queued", "{}")]))
                for row in (old, young):
                    await store.finish(row.id, OPTIMAL)
                await _date_back(database, old.id, unfinished.id)
                expired = await store.expire(Retention(age_s=3600, count=100))
                gone = {
                    (row.id, who): await store.is_gone(row.id, who) for row in (old, young) for who in ("ann", "bob")
                }
                left = [await store.get(row.id, "ann") for row in (old, young, unfinished)]
                again = await store.insert(plan(idempotency_key="once"))
                return expired, gone, left, again, await store.events(old.id)

        expired, gone, left, again, events = asyncio.run(scenario())
        assert expired == [old.id]
        assert [key for key, value in gone.items() if value] == [(old.id, "ann")]
        assert [row is None for row in left] == [True, False, False]
        assert again.created
        assert events == []

    def test_each_owner_may_keep_so_many_plans_and_the_oldest_ended_ones_go_first(self, url):
        rows = [plan(id=f"plan-{n}") for n in range(5)] + [plan(id="plan-bob", owner="bob")]

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                for row in rows[1:]:
                    await store.finish(row.id, OPTIMAL)
                expired = await store.expire(Retention(age_s=FOR_EVER, count=3))
                return expired, await store.expire(Retention(age_s=FOR_EVER, count=3))

        expired, again = asyncio.run(scenario())
        assert expired == ["plan-1", "plan-2"]  # plan-0, the oldest, is still being solved
        assert again == []

    def test_more_plans_than_one_transaction_deletes_all_expire(self, url):
        rows = [plan(id=f"plan-{n:03}") for n in range(250)]

        async def scenario():
            async with open_store(url) as store:
                await asyncio.gather(*(store.insert(row) for row in rows))
                await asyncio.gather(*(store.finish(row.id, OPTIMAL) for row in rows))
                return await store.expire(Retention(age_s=FOR_EVER, count=20))

        assert asyncio.run(scenario()) == [row.id for row in rows[:230]]

    def test_only_so_many_expired_ids_are_remembered(self, url):
        rows = [plan(id=f"plan-{n}") for n in range(3)]
        keep_none = Retention(age_s=FOR_EVER, count=0, tombstones=2)

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                    await store.finish(row.id, OPTIMAL)
                    await store.expire(keep_none)
                return [await store.is_gone(row.id, "ann") for row in rows]

        assert asyncio.run(scenario()) == [False, True, True]

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


class SharedContract(PlansContract):
    """And of databases that several processes open at once, and that outlive them."""

    def test_what_was_acknowledged_is_there_after_the_next_start(self, url):
        rows = [plan() for _ in range(30)]

        async def write():
            async with open_store(url) as store:
                await asyncio.gather(*(store.insert(row) for row in rows))

        async def read():
            async with open_store(url) as store:
                return await store.unfinished()

        asyncio.run(write())
        assert {row.id for row in asyncio.run(read())} == {row.id for row in rows}

    def test_processes_that_open_a_new_database_at_once_all_find_it_ready(self, empty_url):
        async def scenario():
            databases = [Database(empty_url) for _ in range(4)]
            await asyncio.gather(*(database.open() for database in databases))
            stores = [PlanStore(database) for database in databases]
            inserted = await asyncio.gather(*(store.insert(plan()) for store in stores))
            for database in databases:
                await database.close()
            return inserted

        assert all(inserted.created for inserted in asyncio.run(scenario()))

    def test_two_processes_keep_one_plan_under_one_key(self, url):
        async def scenario():
            async with open_store(url, "one") as one, open_store(url, "other") as other:
                keyed = [
                    store.insert(plan(idempotency_key=f"key {n % 5}")) for n in range(25) for store in (one, other)
                ]
                return await asyncio.gather(*keyed)

        inserted = asyncio.run(scenario())
        assert sum(one.created for one in inserted) == 5
        assert len({one.row.id for one in inserted}) == 5

    def test_two_heirs_share_the_plans_of_the_dead_without_overlap(self, url):
        rows = [plan() for _ in range(20)]

        async def scenario():
            async with Database(url) as database, open_store(url, "one") as one, open_store(url, "other") as other:
                async with PlanStore(database, "dead") as dead:
                    await asyncio.gather(*(dead.insert(row) for row in rows))
                await _forget_sign_of_life(database, "dead")
                first = await asyncio.gather(one.abandoned(), other.abandoned())
                return [*first, await one.abandoned(), await other.abandoned()]

        claims = asyncio.run(scenario())
        claimed = [row.id for claim in claims for row in claim]
        assert sorted(claimed) == [row.id for row in sorted(rows, key=lambda row: row.id)]


async def _forget_sign_of_life(database: Database, instance: str) -> None:
    """As if the instance had died long ago."""
    seen = text("UPDATE instances SET seen_at = '2020-01-01' WHERE name = :name")
    await database.write(lambda connection: connection.execute(seen, {"name": instance}).close())


async def _date_back(database: Database, *plan_ids: str) -> None:
    """As if the plans were of 2020."""

    def work(connection):
        for plan_id in plan_ids:
            values = {"id": plan_id, "then": "2020-01-01 00:00:00.000000"}
            for column in ("created_at", "ended_at"):
                statement = f"UPDATE plans SET {column} = :then WHERE id = :id AND {column} IS NOT NULL"
                connection.exec_driver_sql(
                    statement.replace(":then", f"'{values['then']}'").replace(":id", f"'{plan_id}'")
                )

    await database.write(work)
