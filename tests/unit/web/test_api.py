"""The API over real chunk bytes: GOPs, init segments, parts, clips, history, refusals."""

import asyncio
import io
import threading
from itertools import pairwise
from typing import Any

import aiohttp
import av
import pytest

from appliance.core.cause import GapCause
from appliance.ring.faults import RecordLost
from appliance.web.app import LOST
from appliance.web.recorder import Answer
from tests.peers.fake_recorder import CHUNK_BORDER_S, FIRST_RUN_S, FORMS, GAP_S, LENGTH_US, START_US
from tests.unit.web.conftest import Api

CAMERA = "/api/v1/cameras/portail"
SECOND = 1_000_000
GAP_FROM = START_US + FIRST_RUN_S * SECOND
GAP_TO = GAP_FROM + GAP_S * SECOND


def decoded(data: bytes) -> list[float]:
    """Presentation times in s of all pictures of an MP4, decoded for real."""
    with av.open(io.BytesIO(data), "r") as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


async def test_state_is_well_and_names_the_site(api: Api) -> None:
    body = await api.json("state", "/api/v1/state")
    assert body["verdict"] == "ok"
    assert body["issues"] == []
    assert body["site"] == {"name": "Collège Émile-Zola", "place": "Lyon", "timezone": "Europe/Paris"}
    assert [camera["id"] for camera in body["cameras"]] == ["portail", "cour"]


async def test_state_says_what_is_wrong_and_what_to_do(api: Api) -> None:
    api.recorder.stopped["cour"] = GapCause.CAMERA_AUTH
    api.recorder.disk_error = "EIO", "EIO"
    body = await api.json("state", "/api/v1/state")
    assert body["verdict"] == "attention"
    assert [issue["code"] for issue in body["issues"]] == ["CAMERA_AUTH", "DISK"]
    first = body["issues"][0]
    assert first["fr"] == "Cour\u202f: n'enregistre plus (mot de passe de la caméra refusé)"
    assert "technicien" in first["todo_fr"]
    assert body["issues"][1]["fr"] == "Disque /disques/a\u202f: n'enregistre plus (EIO)"
    assert body["disks"][1]["mark_utc_us"] is None
    assert first["since_us"] == api.recorder.now_us - 95_000_000


@pytest.mark.parametrize("stream", ["sub", "main"])
async def test_gop_holds_the_instant_and_decodes_alone(api: Api, stream: str) -> None:
    form = FORMS[stream]
    instant = START_US + 7_300_000
    answer = await api.get("gop", f"{CAMERA}/gop", t=instant, q=stream, init=1)
    start, end = int(answer.headers["Media-Start-Utc"]), int(answer.headers["Media-End-Utc"])
    assert start <= instant < end
    assert end - start == pytest.approx(form.gop / form.fps * SECOND, abs=100)
    assert int(answer.headers["Media-Next-Utc"]) == end
    times = decoded(answer.body)
    assert len(times) == form.gop
    assert int(answer.headers["Media-Zero-Utc"]) + times[0] * SECOND == pytest.approx(start, abs=20)
    assert answer.headers["Content-Type"].startswith('video/mp4; codecs="avc1.')
    assert answer.headers["Cache-Control"] == "no-store"


async def test_gop_is_init_and_parts_apart_too(api: Api) -> None:
    instant = START_US + 3_000_000
    whole = (await api.get("gop", f"{CAMERA}/gop", t=instant, init=1)).body
    bare = await api.get("gop", f"{CAMERA}/gop", t=instant)
    head = await api.get("init", f"{CAMERA}/init/{bare.headers['Media-Init']}")
    assert head.body + bare.body == whole
    assert len(bare.body) % 4096 == 0


async def test_what_has_come_since_of_a_gop_at_the_mark_is_all_that_is_sent(api: Api) -> None:
    mark = START_US + 5 * SECOND
    api.recorder.now_us = mark + 500_000
    before = await api.get("gop", f"{CAMERA}/gop", t=mark, init=1)
    assert "Media-Next-Utc" not in before.headers
    size = len(before.body)
    nothing = await api.get("gop", f"{CAMERA}/gop", t=mark, init=1, skip=size)
    assert (nothing.body, nothing.headers["Media-End-Utc"]) == (b"", before.headers["Media-End-Utc"])
    api.recorder.now_us += SECOND
    whole = await api.get("gop", f"{CAMERA}/gop", t=mark, init=1)
    since = await api.get("gop", f"{CAMERA}/gop", t=mark, init=1, skip=size)
    assert 0 < len(since.body) < len(whole.body)
    assert before.body + since.body == whole.body
    timing = [name for name in whole.headers if name.startswith("Media-")]
    assert [since.headers[name] for name in timing] == [whole.headers[name] for name in timing]
    assert (await api.get("gop", f"{CAMERA}/gop", t=mark, init=1, skip=1 << 30)).body == b""
    assert (await api.get("gop", f"{CAMERA}/gop", t=mark, init=1, skip=10)).body == whole.body[10:], "within the head"


async def test_every_gop_leads_to_the_next_until_the_durable_mark(api: Api) -> None:
    at: int | None = START_US
    seconds, jumps = 0.0, []
    while at is not None:
        answer = await api.get("gop", f"{CAMERA}/gop", t=at)
        start, end = int(answer.headers["Media-Start-Utc"]), int(answer.headers["Media-End-Utc"])
        seconds += (end - start) / SECOND
        following = answer.headers.get("Media-Next-Utc")
        if following is not None and int(following) != end:
            jumps.append((end, int(following)))
        at = None if following is None else int(following)
    assert seconds == pytest.approx(LENGTH_US / SECOND - GAP_S, abs=0.01)
    assert len(jumps) == 1
    assert jumps[0][0] == pytest.approx(GAP_FROM, abs=50)
    assert jumps[0][1] == GAP_TO


async def test_an_instant_without_video_names_the_gap_and_its_neighbours(api: Api) -> None:
    body = await api.json("gop", f"{CAMERA}/gop", status=404, t=GAP_FROM + 5 * SECOND)
    assert body["code"] == "not-recorded"
    assert body["gap"]["cause"] == "CAMERA_SILENT"
    assert "n'envoie plus d'image" in body["fr"]
    assert body["gap"]["from_us"] == pytest.approx(GAP_FROM, abs=50)
    assert body["next_us"] == GAP_TO
    assert GAP_FROM - 200_000 < body["previous_us"] < GAP_FROM


async def test_before_the_first_picture_and_behind_the_mark(api: Api) -> None:
    before = await api.json("gop", f"{CAMERA}/gop", status=404, t=START_US - SECOND)
    assert before["gap"]["cause"] == "NOT_KEPT"
    assert before["next_us"] == START_US
    behind = await api.json("gop", f"{CAMERA}/gop", status=404, t=START_US + LENGTH_US + SECOND)
    assert behind["gap"]["cause"] == "NOT_YET"
    assert behind["next_us"] is None


async def test_timeline_has_spans_and_gaps_that_cover_the_interval(api: Api) -> None:
    body = await api.json(
        "timeline", f"{CAMERA}/timeline", **{"from": START_US - 10 * SECOND, "to": START_US + LENGTH_US}, stream="main"
    )
    assert [(gap["cause"], gap["open"]) for gap in body["gaps"]] == [("NOT_KEPT", False), ("CAMERA_SILENT", False)]
    pieces = sorted((row["from_us"], row["to_us"]) for row in body["spans"] + body["gaps"])
    assert pieces[0][0] == START_US - 10 * SECOND
    assert pieces[-1][1] == START_US + LENGTH_US
    assert all(left[1] == right[0] for left, right in pairwise(pieces))


async def test_timeline_inside_a_gap_and_in_the_open_tail(api: Api) -> None:
    inside = await api.json("timeline", f"{CAMERA}/timeline", **{"from": GAP_FROM + SECOND, "to": GAP_TO - SECOND})
    assert [gap["cause"] for gap in inside["gaps"]] == ["CAMERA_SILENT"]
    api.recorder.now_us += 30 * SECOND
    api.recorder.live = {"state": "waiting", "cause": "CAMERA_REFUSED"}
    tail = await api.json("timeline", f"{CAMERA}/timeline", **{"from": GAP_TO, "to": api.recorder.now_us + SECOND})
    assert [(gap["cause"], gap["open"]) for gap in tail["gaps"]] == [("CAMERA_REFUSED", True)]
    assert tail["gaps"][0]["to_us"] == api.recorder.now_us
    assert tail["live"]["cause"] == "CAMERA_REFUSED"


async def test_parts_end_at_a_chunk_border_and_say_where_to_go_on(api: Api) -> None:
    border = GAP_TO + CHUNK_BORDER_S * SECOND
    answer = await api.get("parts", f"{CAMERA}/parts", **{"from": border - 3 * SECOND, "to": border + SECOND}, init=1)
    assert int(answer.headers["Media-Next-Utc"]) == border
    times = decoded(answer.body)
    assert len(times) == 3 * FORMS["sub"].fps
    rest = await api.get("parts", f"{CAMERA}/parts", **{"from": border, "to": border + SECOND}, init=1)
    assert rest.headers["Media-Init"] != answer.headers["Media-Init"]


async def test_clip_crosses_gap_and_chunks_and_is_named(api: Api) -> None:
    asked: dict[str, Any] = {"from": GAP_FROM - 4 * SECOND, "to": GAP_TO + (CHUNK_BORDER_S + 4) * SECOND, "q": "main"}
    listed = await api.json("clips", f"{CAMERA}/clips", **asked)
    assert [row["file"] for row in listed["files"]] == [1]
    assert listed["files"][0]["name"] == "Collège-Émile-Zola_Portail_2026-11-24_08h00m16s+0100_30s.mp4"
    answer = await api.get("clip", f"{CAMERA}/clip.mp4", **asked)
    data = answer.body
    assert len(data) == listed["files"][0]["length"] == int(answer.headers["Content-Length"])
    assert "filename*=UTF-8''Coll%C3%A8ge" in answer.headers["Content-Disposition"]
    times = decoded(data)
    assert len(times) == (4 + CHUNK_BORDER_S + 4) * FORMS["main"].fps
    assert times[-1] - times[0] == pytest.approx(4 + GAP_S + CHUNK_BORDER_S + 4 - 0.1, abs=0.02)
    assert api.recorder.leases
    await api.json("clip", f"{CAMERA}/clip.mp4", status=404, **asked, file=2)


async def test_a_clip_that_leaves_is_entered_in_the_journal_and_one_that_does_not_is_not(api: Api) -> None:
    asked: dict[str, Any] = {"from": START_US, "to": START_US + 4 * SECOND, "q": "sub"}
    await api.json("clips", f"{CAMERA}/clips", **asked)
    async with api.session.head(f"{api.base}{CAMERA}/clip.mp4", params=asked) as response:
        assert response.status == 200
    await api.json("clip", f"{CAMERA}/clip.mp4", status=404, **asked, file=2)
    assert api.told == []
    data = (await api.get("clip", f"{CAMERA}/clip.mp4", **asked)).body
    (_, seen), (kind, facts) = api.told
    assert (kind, facts["who"]) == ("clip-taken", "durand")
    assert (seen["from_us"], seen["to_us"]) == (facts["from_utc_us"], facts["to_utc_us"])
    assert (facts["camera"], facts["stream"], facts["bytes"]) == ("portail", "sub", len(data))
    assert facts["from_utc_us"] == START_US
    assert START_US + 4 * SECOND <= int(facts["to_utc_us"]) < START_US + 6 * SECOND


async def test_instants_may_be_iso_with_an_offset(api: Api) -> None:
    us = await api.get("gop", f"{CAMERA}/gop", t=START_US + SECOND)
    iso = await api.get("gop", f"{CAMERA}/gop", t="2026-11-24T08:00:01.123+01:00")
    assert us.body == iso.body


@pytest.mark.parametrize(
    ("operation", "path", "params"),
    [
        ("gop", "/gop", {}),
        ("gop", "/gop", {"t": "yesterday"}),
        ("gop", "/gop", {"t": "2026-11-24T08:00:01"}),
        ("gop", "/gop", {"t": "-5"}),
        ("gop", "/gop", {"t": "9" * 19}),
        ("gop", "/gop", {"t": "1795503600000000", "skip": "-1"}),
        ("gop", "/gop", {"t": "1795503600000000", "q": "both"}),
        ("gop", "/gop", {"t": "1795503600000000", "x": "1"}),
        ("timeline", "/timeline", {"from": "2000000", "to": "1000000"}),
        ("timeline", "/timeline", {"from": "1", "to": "1795503600000000"}),
        ("parts", "/parts", {"from": "1795503600000000", "to": "1795603600000000"}),
        ("clip", "/clip.mp4", {"from": "1000000", "to": "2000000", "file": "0"}),
        ("init", "/init/0", {}),
    ],
)
async def test_wrong_queries_are_refused_in_words(api: Api, operation: str, path: str, params: dict[str, str]) -> None:
    body = await api.json(operation, f"{CAMERA}{path}", status=400, **params)
    assert body["code"] == "bad-query"
    assert body["fr"].startswith("La demande n'est pas valable")


async def test_repeated_parameter_is_refused(api: Api) -> None:
    async with api.session.get(f"{api.base}{CAMERA}/gop?t=1&t=2") as answer:
        assert answer.status == 400


async def test_unknown_cameras_are_404(api: Api) -> None:
    for operation, path, params in (
        ("gop", "gop", {"t": START_US}),
        ("timeline", "timeline", {"from": START_US, "to": START_US + SECOND}),
        ("clip", "clip.mp4", {"from": START_US, "to": START_US + SECOND}),
    ):
        body = await api.json(operation, f"/api/v1/cameras/nulle/{path}", status=404, **params)
        assert body["code"] == "unknown-camera"


async def test_recorder_down_is_said_and_over_when_it_is_back(api: Api) -> None:
    api.recorder.down = True
    body = await api.json("state", "/api/v1/state", status=503)
    assert "ne répond pas" in body["fr"]
    await api.json("gop", f"{CAMERA}/gop", status=503, t=START_US)
    api.recorder.down = False
    await api.json("state", "/api/v1/state")


async def test_a_database_that_began_empty_is_told_on_home(api: Api) -> None:
    fault = RecordLost(name="looks.db")
    api.app[LOST].append({"code": fault.code, "fr": fault.sentence("fr"), "en": fault.sentence("en")})
    body = await api.json("state", "/api/v1/state")
    assert body["verdict"] == "attention"
    assert [each["fr"] for each in body["issues"]] == [fault.sentence("fr")]


async def test_many_seeks_at_once_are_each_right(api: Api) -> None:
    instants = [START_US + n * 700_000 for n in range(20)]
    answers = await asyncio.gather(*(api.get("gop", f"{CAMERA}/gop", t=t) for t in instants))
    for instant, answer in zip(instants, answers, strict=True):
        assert int(answer.headers["Media-Start-Utc"]) <= instant < int(answer.headers["Media-End-Utc"])


async def test_footage_lost_before_the_first_byte_is_a_problem(api: Api) -> None:
    api.recorder.lost_from = 1
    body = await api.json("clip", f"{CAMERA}/clip.mp4", status=503, **{"from": START_US, "to": START_US + SECOND})
    assert body["code"] == "clip-source-lost"


async def test_footage_lost_while_sending_cuts_the_connection(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.web.clips.BATCH", 1)  # one visit to the thread per block
    monkeypatch.setattr("appliance.evidence.clip.TOGETHER", 1)  # and one part per read
    api.recorder.lost_from = 12
    asked: dict[str, str | int] = {"from": START_US, "to": START_US + 19 * SECOND, "q": "main"}
    async with api.session.get(f"{api.base}{CAMERA}/clip.mp4", params=asked) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_footage_whose_place_is_reused_is_no_longer_kept(api: Api) -> None:
    instant = START_US + 3 * SECOND
    api.recorder.reused.add(1)
    body = await api.json("gop", f"{CAMERA}/gop", status=404, t=instant)
    assert body["code"] == "no-longer-kept"
    assert body["gap"]["cause"] == "ERASED"
    assert body["gap"]["from_us"] <= instant
    assert body["next_us"] == GAP_TO + CHUNK_BORDER_S * SECOND
    clip = await api.json("clip", f"{CAMERA}/clip.mp4", status=404, **{"from": instant, "to": instant + SECOND})
    assert clip["code"] == "no-longer-kept"
    api.recorder.freed.add(1)
    later = await api.json("gop", f"{CAMERA}/gop", status=404, t=instant)
    assert later["code"] == "not-recorded"
    assert later["next_us"] == GAP_TO + CHUNK_BORDER_S * SECOND


async def test_a_gap_of_the_full_definition_alone_is_told_with_the_light_stream(api: Api) -> None:
    api.recorder.main_gap = (6 * SECOND, 10 * SECOND)
    asked = {"from": START_US, "to": START_US + LENGTH_US}
    body = await api.json("timeline", f"{CAMERA}/timeline", **asked, stream="sub")
    assert [gap["cause"] for gap in body["gaps"]] == ["CAMERA_SILENT"]
    assert [(gap["from_us"] - START_US, gap["to_us"] - START_US, gap["cause"]) for gap in body["light_only"]] == [
        (6 * SECOND, 10 * SECOND, "CAMERA_CLOSED")
    ]
    main = await api.json("timeline", f"{CAMERA}/timeline", **asked, stream="main")
    assert main["light_only"] == []
    assert len(main["gaps"]) == 2


async def test_the_footage_of_a_clip_is_kept_while_it_is_sent_and_not_longer(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.web.clips.RENEW_S", 0.02)
    recorder, waiting = api.recorder, threading.Event()
    read, lease, release = recorder.read, recorder.lease, recorder.release
    renewed, gone = asyncio.Event(), asyncio.Event()

    def slow(chunk: Answer, offset: int, length: int) -> bytes:
        assert waiting.wait(10)
        return read(chunk, offset, length)

    async def counted(camera: str, stream: str, from_us: int, to_us: int, seconds: int) -> Answer:
        if len(recorder.leases) >= 3:
            renewed.set()
        return await lease(camera, stream, from_us, to_us, seconds)

    async def told(number: str) -> None:
        await release(number)
        if len(recorder.released) == len(recorder.leases):
            gone.set()

    monkeypatch.setattr(recorder, "read", slow)
    monkeypatch.setattr(recorder, "lease", counted)
    monkeypatch.setattr(recorder, "release", told)
    asked: dict[str, Any] = {"from": START_US, "to": START_US + SECOND}
    async with asyncio.timeout(20):
        sending = asyncio.create_task(api.get("clip", f"{CAMERA}/clip.mp4", **asked))
        await renewed.wait()
        assert not gone.is_set(), "a moment without a lease"
        waiting.set()
        assert decoded((await sending).body)
        await gone.wait()
        assert sorted(recorder.released, key=int) == [str(n) for n in range(1, len(recorder.leases) + 1)]
        assert set(recorder.leases) == {("portail", "main", START_US, START_US + SECOND, 60)}
        gone.clear()
        recorder.lost_from = recorder.reads + 1
        await api.json("clip", f"{CAMERA}/clip.mp4", status=503, **asked)
        await gone.wait()
