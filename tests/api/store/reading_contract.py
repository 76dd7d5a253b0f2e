"""What every database owes to those who look for plans."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from api.store import (
    BadCursor,
    Filters,
)
from api.store.plans import numbered
from tests.api.store.rows import OPTIMAL, open_store, plan


class ReadingContract:
    """Plans and events as they are found again."""

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
