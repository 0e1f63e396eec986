"""The feed: newest wins, followers join, sleepers cost nothing."""

import asyncio

import pytest

from appliance.core.clock import SimulatedClock
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.feed import Feed, FeedPart
from appliance.ring.access.lookup import Leases
from appliance.ring.faults import UnknownLease

KEY, SUB = StreamKey("cam", "main"), StreamKey("cam", "sub")


def part(sequence: int, key: StreamKey = KEY) -> FeedPart:
    entry = PartEntry(0, 4096, sequence * 400_000, 0, 36_000, 1, sequence, 10, True, False, 0, 1)
    return FeedPart(key, entry, b"data", b"init", 1)


async def test_each_stream_has_a_slot_and_the_newest_wins() -> None:
    clock = SimulatedClock()
    feed = Feed(clock)
    subscriber = feed.subscribe([KEY, SUB])
    for sequence in (1, 2, 3):
        feed.publish(KEY, [part(sequence)])
        clock.advance(0.4)
    feed.publish(SUB, [part(2, SUB)])
    assert [(p.key, p.entry.sequence) for p in await subscriber.take()] == [(SUB, 2), (KEY, 3)]


async def test_parts_of_one_tick_on_two_disks_join() -> None:
    clock = SimulatedClock()
    feed = Feed(clock)
    subscriber = feed.subscribe([KEY])
    feed.publish(KEY, [part(1), part(2)])
    clock.advance(0.02)
    feed.publish(KEY, [part(3)])
    assert [p.entry.sequence for p in await subscriber.take()] == [1, 2, 3]


async def test_a_sleeper_is_left_out_until_it_wakes() -> None:
    clock = SimulatedClock()
    feed = Feed(clock)
    subscriber = feed.subscribe([KEY])
    assert feed.wanted(KEY)
    assert not feed.wanted(SUB)
    for sequence in range(1, 10):
        feed.publish(KEY, [part(sequence)])
        clock.advance(0.4)
    assert not feed.wanted(KEY)
    waiting = asyncio.create_task(subscriber.take())
    await asyncio.sleep(0)
    assert feed.wanted(KEY), "it reads again"
    feed.publish(KEY, [part(10)])
    assert [p.entry.sequence for p in await waiting] == [10], "nothing old"
    subscriber.close()
    subscriber.close()
    assert not feed.wanted(KEY)


def test_leases_end_by_themselves() -> None:
    clock = SimulatedClock()
    leases = Leases(clock)
    first, until = leases.grant([("disk", 1), ("disk", 2)], 500)
    second, _ = leases.grant([("disk", 2)], 10)
    assert until == clock.utc_us() + 60_000_000, "never longer than a minute"
    assert leases.leased("disk", 1)
    assert not leases.leased("other", 1)
    clock.advance(10)
    with pytest.raises(UnknownLease):
        leases.release(second)
    assert leases.leased("disk", 2)
    leases.release(first)
    assert not leases.leased("disk", 2)
    assert not leases.leased("disk", 1)
