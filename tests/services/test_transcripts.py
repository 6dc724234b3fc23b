"""What is kept of a portable session: taken in parts from its attempt, given to the next, and to nobody else."""

import hashlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.coordinator.services.sessions import SessionService
from callboard.coordinator.services.transcripts import TranscriptService
from callboard.domain.errors import CallboardError, InvalidRequest
from callboard.domain.portability import PART_BYTES
from callboard.wire.requests import AdditionalDemands
from callboard.wire.runner import AnnounceTranscript, Claim, PutTranscriptPart, TranscriptWanted
from tests.services.two_coordinators import open_coordinators
from tests.services.world import OWNER, PlayedRunner, World
from tests.support.database import FAST_ON_SQLITE

NATIVE = "conversation-1"
LIMIT_BYTES = 3 * PART_BYTES
FIRST = b'{"text": "one"}\n' * (PART_BYTES // 16)
"""One whole part."""
LONGER = FIRST + b'{"text": "two"}\n'


class Keeping:
    """A coordinator that keeps transcripts, and what runners send it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.transcripts = TranscriptService(world.database, world.fleet, world.rules, LIMIT_BYTES)
        self.sessions = SessionService(world.database, world.ids)

    async def begin(self, runner: PlayedRunner, **more: Any) -> Claim:
        """A portable session whose first run is at work and bound."""
        await self.world.start(**({"portable": True} | more))
        return await self.go_on(runner)

    async def go_on(self, runner: PlayedRunner) -> Claim:
        """The next run, at work and bound."""
        (claim,) = await runner.claim()
        await runner.started(claim)
        await runner.bind(claim, NATIVE)
        return claim

    async def announce(self, runner: PlayedRunner, claim: Claim, content: bytes, **changes: Any) -> TranscriptWanted:
        """Says what the transcript is now."""
        parts = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
        described: dict[str, Any] = {
            "executor_session_id": NATIVE,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "parts": [hashlib.sha256(part).hexdigest() for part in parts],
        }
        announced = AnnounceTranscript(**(described | sender(runner, claim) | changes))
        return await self.transcripts.announce(runner.caller, claim.session_id, announced)

    async def put(self, runner: PlayedRunner, claim: Claim, plain: bytes, **changes: Any) -> None:
        """Sends one part."""
        sent: dict[str, Any] = {"sha256": hashlib.sha256(plain).hexdigest(), "data": zlib.compress(plain)}
        part = PutTranscriptPart(**(sent | sender(runner, claim) | changes))
        await self.transcripts.put_part(runner.caller, claim.session_id, part)

    async def send(self, runner: PlayedRunner, claim: Claim, content: bytes) -> list[str]:
        """Has a transcript kept; which parts were missing."""
        wanted = await self.announce(runner, claim, content)
        for at in range(0, len(content), PART_BYTES):
            if hashlib.sha256(content[at : at + PART_BYTES]).hexdigest() in wanted.missing:
                await self.put(runner, claim, content[at : at + PART_BYTES])
        assert await self.announce(runner, claim, content) == TranscriptWanted(kept=True)
        return wanted.missing

    async def read(self, runner: PlayedRunner, claim: Claim) -> bytes:
        """The kept transcript, as the runner of a claim gets it."""
        assert claim.transcript is not None
        content = b""
        for sha256 in claim.transcript.parts:
            part = await self.transcripts.part(runner.caller, claim.session_id, claim.run_id, claim.attempt, sha256)
            content += zlib.decompress(part.data)
        return content

    async def parts(self, session_id: str) -> int:
        """How many parts are kept."""
        return await self.world.count("transcript_part_names", session_id=session_id)


def sender(runner: PlayedRunner, claim: Claim) -> dict[str, Any]:
    """Who says it."""
    return {"run_id": claim.run_id, "attempt": claim.attempt, "runner_id": runner.runner_id, "epoch": runner.epoch}


async def code_of(call: Any) -> str:
    """The code of the refusal."""
    with pytest.raises(CallboardError) as refused:
        await call
    return refused.value.code


@pytest.fixture(params=FAST_ON_SQLITE)
async def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Keeping]:
    """A coordinator whose runs need not wait for the host of their conversation."""
    rules: dict[str, Any] = {
        "portable_grace_ms": 0,
        "grace_ms": 0,
        "lost_run_ms": 0,
        "lease_ms": 1,
        "unheard_ms": 60_000,
    }
    async with open_coordinators(request.param, tmp_path, **rules) as opened:
        await opened.first.leases.sweep_once()
        yield Keeping(opened.first)


async def test_only_what_is_new_of_a_transcript_is_sent_and_only_the_newest_is_kept(keeping: Keeping) -> None:
    """10 Affinity: the transcript is kept with the coordinator."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    assert len(await keeping.send(runner, claim, FIRST)) == 1
    assert await keeping.send(runner, claim, LONGER) == [hashlib.sha256(LONGER[PART_BYTES:]).hexdigest()]
    assert await keeping.send(runner, claim, LONGER) == []
    assert await keeping.send(runner, claim, b"anew\n") != []
    assert await keeping.parts(claim.session_id) == 1
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    (later,) = await runner.claim()
    assert (later.transcript is not None, await keeping.read(runner, later)) == (True, b"anew\n")


async def test_what_is_half_sent_leaves_the_one_before(keeping: Keeping) -> None:
    """R4: a runner that dies while it sends."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    assert len((await keeping.announce(runner, claim, LONGER)).missing) == 1
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    (later,) = await runner.claim()
    assert await keeping.read(runner, later) == FIRST


async def test_parts_are_what_their_hashes_say_and_what_was_announced(keeping: Keeping) -> None:
    """S10: nothing is stored that nobody asked for."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    assert await code_of(keeping.put(runner, claim, FIRST)) == "transcript_changed"
    await keeping.announce(runner, claim, FIRST)
    assert await code_of(keeping.put(runner, claim, FIRST, data=zlib.compress(b"other"))) == "invalid_request"
    assert await code_of(keeping.put(runner, claim, FIRST, data=b"no zlib")) == "invalid_request"
    bomb = bytes(PART_BYTES + 1)
    assert await code_of(keeping.put(runner, claim, bomb)) == "invalid_request"
    assert await code_of(keeping.announce(runner, claim, FIRST, executor_session_id="other")) == "binding_conflict"
    assert await code_of(keeping.announce(runner, claim, FIRST, size_bytes=1 + len(FIRST))) == "invalid_request"
    assert await keeping.parts(claim.session_id) == 0


async def test_s6_only_the_runner_of_the_live_attempt_sends_and_reads(keeping: Keeping) -> None:
    """S6: runner writes and reads are limited to the attempts that it holds."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    sha256 = hashlib.sha256(FIRST).hexdigest()
    place = (claim.session_id, claim.run_id, claim.attempt, sha256)
    assert zlib.decompress((await keeping.transcripts.part(runner.caller, *place)).data) == FIRST
    assert await code_of(keeping.transcripts.part(other.caller, *place)) == "stale_attempt"
    assert await code_of(keeping.transcripts.part(OWNER, *place)) == "stale_attempt"
    assert await code_of(keeping.announce(other, claim, LONGER)) == "stale_attempt"
    assert await code_of(keeping.announce(other, claim, LONGER, runner_id=runner.runner_id)) == "forbidden"
    foreign = await keeping.world.start()
    elsewhere = (foreign.session_id, *place[1:])
    assert await code_of(keeping.transcripts.part(runner.caller, *elsewhere)) == "stale_attempt"
    await runner.end(claim)
    assert await code_of(keeping.transcripts.part(runner.caller, *place)) == "stale_attempt"
    assert await code_of(keeping.announce(runner, claim, LONGER)) == "stale_attempt"


async def test_one_that_is_too_large_is_not_kept_nor_the_older_one_and_the_log_says_so(keeping: Keeping) -> None:
    """10 Affinity: the session stays with its host."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    for _ in range(2):
        assert await keeping.announce(runner, claim, bytes(LIMIT_BYTES + 1)) == TranscriptWanted(kept=False)
    notes = [
        msgspec.json.decode(one.payload) for one in await keeping.world.log(claim.session_id) if one.type == "note"
    ]
    assert [note["code"] for note in notes] == ["too_large"]
    assert await keeping.parts(claim.session_id) == 0
    affinity = await keeping.sessions.affinity(OWNER, claim.session_id)
    assert (affinity.portable, affinity.transcript) == (True, None)
    assert affinity.stays is not None
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    await keeping.world.leases.sweep_once()
    other = await keeping.world.runner("two")
    assert await other.claim() == []
    (later,) = await runner.claim()
    assert later.transcript is None


async def test_another_host_gets_the_conversation_and_what_it_lacks_in_words(keeping: Keeping) -> None:
    """R1, 10: the host died within a turn that is not in the copy: a continuation prompt would speak of nothing."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim, result_text="first result")
    await keeping.world.resume(claim.session_id, "the second prompt", on_lost="retry", repeatable=True)
    second = await keeping.go_on(runner)
    await runner.say(second, "half done")
    await runner.end(second, "failed", reason="interrupted")
    await keeping.world.leases.sweep_once()
    (moved,) = await other.claim()
    assert (moved.run_id, moved.executor_session_id, moved.prompt) == (second.run_id, NATIVE, "the second prompt")
    assert moved.transcript is not None
    assert moved.transcript.leads
    assert await keeping.read(other, moved) == FIRST

    await other.started(moved)
    await other.bind(moved, NATIVE)
    await other.end(moved, "failed", error_message="it broke")
    await keeping.world.resume(claim.session_id, "the third prompt")
    await keeping.world.leases.sweep_once()
    (back,) = await runner.claim()
    assert back.transcript is not None
    assert back.prompt.startswith('<earlier-turns>\n<turn number="2"')
    assert "it broke" in back.prompt
    assert "first result" not in back.prompt
    assert back.prompt.endswith("the third prompt")


async def test_the_host_that_was_last_is_given_no_copy_that_is_behind(keeping: Keeping) -> None:
    """10: it has the turns that the copy lacks, or nobody has."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    second = await keeping.go_on(runner)
    assert second.transcript is not None
    assert not second.transcript.leads
    await runner.end(second)
    await keeping.world.resume(claim.session_id)
    (third,) = await runner.claim()
    assert third.transcript is None


async def test_a_session_that_is_not_portable_keeps_nothing_and_moves_nowhere(keeping: Keeping) -> None:
    """A28."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner, portable=None)
    assert not claim.portable
    assert await keeping.announce(runner, claim, FIRST) == TranscriptWanted(kept=False)
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    assert (await keeping.world.leases.sweep_once()).released == 0
    assert await other.claim() == []


async def test_a_host_that_the_request_names_is_a_demand_in_a_portable_session_too(keeping: Keeping) -> None:
    """30 Merge: each may only add."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await keeping.world.resume(claim.session_id, additional_demands=AdditionalDemands(hostname="one"))
    await keeping.world.leases.sweep_once()
    assert await other.claim() == []
    assert len(await runner.claim()) == 1


async def test_a_run_that_was_let_go_keeps_its_place_when_its_claim_comes_back(keeping: Keeping) -> None:
    """10: claimed -> pending."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await keeping.world.resume(claim.session_id)
    assert (await keeping.world.leases.sweep_once()).released == 1
    (moved,) = await other.claim()
    await other.give_back(moved)
    (again,) = await other.claim()
    assert (again.run_id, again.attempt) == (moved.run_id, 2)


@pytest.mark.parametrize("asked", [{"executor_type": "command"}, {"context": "fresh"}])
async def test_what_keeps_no_conversation_cannot_be_portable(keeping: Keeping, asked: dict[str, Any]) -> None:
    """20: refused before anything is created."""
    with pytest.raises(InvalidRequest) as refused:
        await keeping.world.start(portable=True, **asked)
    assert (refused.value.code, refused.value.errors[0]["pointer"]) == ("not_portable", "/portable")
    assert await keeping.world.count("list_runs", status="", session_id="", runner_id="", before="run_~", limit=9) == 0


async def test_a_resume_does_not_make_a_session_portable(keeping: Keeping) -> None:
    """20."""
    created = await keeping.world.start()
    assert await code_of(keeping.world.resume(created.session_id, portable=True)) == "invalid_request"


async def test_with_the_session_goes_what_is_kept_of_it(keeping: Keeping) -> None:
    """20: DELETE."""
    runner = await keeping.world.runner()
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await keeping.sessions.delete(OWNER, claim.session_id)
    assert await keeping.parts(claim.session_id) == 0
    assert await keeping.world.count("transcript_of_session", session_id=claim.session_id) == 0


async def test_a_named_host_stays_a_demand_when_the_claim_comes_back(keeping: Keeping) -> None:
    """30 Merge; 10: claimed -> pending."""
    runner, other = await keeping.world.runner(), await keeping.world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await keeping.world.resume(claim.session_id, additional_demands=AdditionalDemands(hostname="one"))
    (given,) = await runner.claim()
    await runner.give_back(given)
    assert (await keeping.world.leases.sweep_once()).released == 0
    assert await other.claim() == []
    assert len(await runner.claim()) == 1


async def test_r2_while_a_lost_agent_may_live_no_other_host_goes_on(world: World) -> None:
    """R2, 10: another host only after lost_seconds, though the run failed at once and the grace is over."""
    keeping = Keeping(world)
    runner, other = await world.runner(), await world.runner("two")
    claim = await keeping.begin(runner)
    await keeping.send(runner, claim, FIRST)
    await runner.end(claim)
    await world.resume(claim.session_id, on_lost="fail")
    lost = await keeping.go_on(runner)
    await world.pass_time(world.rules.lease_ms / 1000 + 6, (other, []))
    assert (await world.run(lost.run_id)).reason == "interrupted"
    await world.resume(claim.session_id)
    await world.pass_time(world.rules.lost_run_ms / 1000 - 60, (other, []))
    assert await other.claim() == []
    await world.pass_time(70, (other, []))
    assert [moved.session_id for moved in await other.claim()] == [claim.session_id]
