"""External sessions: a conversation that another process leads is logged, fenced and ended like any other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.coordinator.services.limits import TreeLimits
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from callboard.domain.idempotency import Idempotency
from callboard.wire.requests import CreateRun
from callboard.wire.responses import ExternalSession
from callboard.wire.runner import ExternalEnd, ExternalUsage, PostedEvent, PostEvents
from tests.services.reading_world import (
    NATIVE_ID,
    OWNER,
    READER,
    UNKNOWN_SESSION,
    USER,
    Reading,
    agent_of,
    conversation,
    open_reading,
)
from tests.support.database import stored_bytes

OTHER_USER = Caller(token_id="tok_other", kind="user")


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind, TreeLimits(children_per_session=2)) as opened:
        yield opened


async def post(reading: Reading, made: ExternalSession, key: str, kind: str = "message", **payload: Any) -> list[int]:
    """Posts one event with the session's token."""
    event = PostedEvent(client_key=key, type=kind, payload=msgspec.Raw(msgspec.json.encode(payload)))
    leader = await reading.leader(made)
    return (await reading.world.events.post(leader, made.session_id, PostEvents(events=[event]))).seqs


async def end(reading: Reading, made: ExternalSession, **how: Any) -> None:
    """Reports the end with the session's token."""
    await reading.world.reports.external_ended(await reading.leader(made), made.run_id, ExternalEnd(**how))


async def refusal(reading: Reading, caller: Caller = USER, **changes: Any) -> tuple[type[CallboardError], str]:
    """How a conversation is refused."""
    with pytest.raises(CallboardError) as refused:
        await reading.take_in(caller, **changes)
    return type(refused.value), refused.value.code


async def test_a_conversation_led_elsewhere_is_a_session_with_a_running_run(reading: Reading) -> None:
    """A43."""
    made, created = await reading.take_in(agent_name="reviewer", title="At my desk")
    assert created
    session = await reading.sessions.get(OWNER, made.session_id)
    assert (session.external, session.status, session.group) == (True, "running", "working")
    assert (session.title, session.agent_name, session.parent_session_id) == ("At my desk", "reviewer", None)
    assert session.binding is not None
    assert (session.binding.generation, session.binding.executor_session_id) == (1, NATIVE_ID)
    run = await reading.world.run(made.run_id)
    assert (run.number, run.status, run.trigger, run.attempt) == (1, "running", "external", 1)
    assert run.runner_id == "external"
    assert await reading.world.types(made.session_id) == ["session_created", "run_start", "session_bound"]


async def test_its_token_posts_what_happens_and_the_end(reading: Reading) -> None:
    """A43."""
    made, _ = await reading.take_in()
    assert await post(reading, made, "1", role="assistant", content=[]) == [4]
    assert await post(reading, made, "1", role="assistant", content=[]) == [4]
    await post(reading, made, "2", "pre_tool", tool_name="Bash")
    with pytest.raises(Forbidden):
        await post(reading, made, "3", "run_completed", reason="completed")
    await end(reading, made, result_text="done")
    session = await reading.sessions.get(OWNER, made.session_id)
    assert (session.status, session.reason) == ("finished", "completed")
    assert (await reading.sessions.result(OWNER, made.session_id)).result_text == "done"
    assert (await reading.world.types(made.session_id))[-1] == "run_completed"
    with pytest.raises(Unauthenticated):
        await reading.leader(made)


async def test_our_resume_is_refused_while_the_lease_lives_and_taken_when_it_has_lapsed(reading: Reading) -> None:
    """A43."""
    made, _ = await reading.take_in()
    with pytest.raises(Conflict) as refused:
        await reading.world.resume(made.session_id)
    assert refused.value.code == "session_external"
    await reading.world.pass_time(400)
    await post(reading, made, "1", role="user", content=[])
    await reading.world.pass_time(400)
    assert (await reading.sessions.get(OWNER, made.session_id)).status == "running"
    await reading.world.pass_time(300)
    assert (await reading.world.run(made.run_id)).reason == "interrupted"
    assert (await reading.world.resume(made.session_id)).status == "pending"


async def test_the_same_conversation_again_is_the_same_session_with_a_new_token(reading: Reading) -> None:
    """20: same native id → same session; a hook that starts again goes on."""
    first, _ = await reading.take_in()
    again, created = await reading.take_in()
    assert not created
    assert (again.session_id, again.run_id) == (first.session_id, first.run_id)
    assert again.session_token not in (None, first.session_token)
    with pytest.raises(Unauthenticated):
        await reading.leader(first)
    await post(reading, again, "1", role="user", content=[])
    assert len((await reading.sessions.list(OWNER)).items) == 1


async def test_asking_again_renews_the_lease(reading: Reading) -> None:
    made, _ = await reading.take_in()
    await reading.world.pass_time(400)
    await reading.take_in()
    await reading.world.pass_time(400)
    assert (await reading.world.run(made.run_id)).status == "running"


async def test_after_its_end_the_conversation_goes_on_as_the_next_run_of_its_session(reading: Reading) -> None:
    """10: one identity through every resume."""
    first, _ = await reading.take_in()
    await end(reading, first)
    second, created = await reading.take_in()
    assert not created
    assert second.session_id == first.session_id
    run = await reading.world.run(second.run_id)
    assert (run.number, run.type, run.status) == (2, "resume_session", "running")
    bindings = await reading.sessions.bindings(OWNER, first.session_id)
    assert [binding.generation for binding in bindings.items] == [1]
    assert (await reading.world.types(first.session_id)).count("run_start") == 2


async def test_a_conversation_of_our_own_live_run_is_not_taken_over(reading: Reading) -> None:
    """A43, A27: executor_session_in_use."""
    runner = await reading.world.runner("laptop")
    created = await reading.world.start(project_dir="/srv/shop")
    claim = await reading.begin(runner)
    await runner.bind(claim, NATIVE_ID)
    assert await refusal(reading, executor_type="scripted") == (Conflict, "executor_session_in_use")
    await runner.end(claim)
    made, new = await reading.take_in(executor_type="scripted")
    assert (made.session_id, new) == (created.session_id, False)
    await end(reading, made)
    assert (await reading.sessions.get(OWNER, created.session_id)).run_count == 2


async def test_runs_that_wait_go_on_waiting_while_another_process_leads(reading: Reading) -> None:
    """10: one run of a session at a time."""
    runner = await reading.world.runner("laptop")
    made, _ = await reading.take_in(executor_type="scripted", project_dir="/srv")
    await end(reading, made)
    waiting = await reading.world.resume(made.session_id)
    again, _ = await reading.take_in(executor_type="scripted", project_dir="/srv")
    assert await runner.claim() == []
    why = await reading.why.explain(OWNER, waiting.run_id)
    assert (why.code, why.waits_for_run_id) == ("behind_external", again.run_id)
    await end(reading, again)
    (claim,) = await runner.claim()
    assert (claim.run_id, claim.executor_session_id) == (waiting.run_id, NATIVE_ID)


async def test_an_agent_of_ours_on_a_once_external_session_has_no_leaders_rights(reading: Reading) -> None:
    """S7: the token of our own attempt ends nothing and posts notes only."""
    runner = await reading.world.runner("laptop")
    made, _ = await reading.take_in(executor_type="scripted", project_dir="/srv")
    await end(reading, made)
    resumed = await reading.world.resume(made.session_id)
    await reading.begin(runner)
    agent = agent_of(resumed)
    with pytest.raises(Forbidden):
        await reading.world.reports.external_ended(agent, resumed.run_id, ExternalEnd())
    with pytest.raises(Forbidden):
        await reading.world.reports.external_usage(agent, resumed.run_id, ExternalUsage())
    forged = PostedEvent(client_key="1", type="message", payload=msgspec.Raw(b"{}"))
    with pytest.raises(Forbidden):
        await reading.world.events.post(agent, made.session_id, PostEvents(events=[forged]))


async def test_somebody_elses_conversation_is_not_continued(reading: Reading) -> None:
    """S6."""
    made, _ = await reading.take_in()
    assert await refusal(reading, OTHER_USER) == (Conflict, "executor_session_in_use")
    taken_over, created = await reading.take_in(OWNER)
    assert (taken_over.session_id, created) == (made.session_id, False)


async def test_a_conversation_that_another_host_leads_is_in_use(reading: Reading) -> None:
    await reading.take_in()
    assert await refusal(reading, hostname="desktop") == (Conflict, "executor_session_in_use")


async def test_an_id_that_is_only_unique_on_its_host_is_another_conversation_elsewhere(reading: Reading) -> None:
    """10: plus hostname otherwise."""
    here, _ = await reading.take_in(executor_type="acp", executor_session_id="1")
    there, created = await reading.take_in(executor_type="acp", executor_session_id="1", hostname="desktop")
    assert created
    assert here.session_id != there.session_id


async def test_another_host_after_the_end_is_a_new_binding_of_the_session(reading: Reading) -> None:
    first, _ = await reading.take_in()
    await end(reading, first)
    await reading.take_in(hostname="desktop")
    bindings = await reading.sessions.bindings(OWNER, first.session_id)
    assert [(binding.generation, binding.hostname, binding.reason) for binding in bindings.items] == [
        (2, "desktop", "migrate"),
        (1, "laptop", "start"),
    ]


async def test_an_archived_conversation_is_not_continued(reading: Reading) -> None:
    made, _ = await reading.take_in()
    await end(reading, made)
    await reading.sessions.archive(OWNER, made.session_id)
    assert await refusal(reading) == (Conflict, "session_archived")


async def test_a_person_names_the_parent_or_the_header_does(reading: Reading) -> None:
    """A23, 40: the header fills the field when it is absent."""
    parent = await reading.world.start()
    named, _ = await reading.take_in(parent_session_id=parent.session_id)
    request = conversation(executor_session_id="second")
    filled, _ = await reading.external.create(USER, request, parent.session_id, None)
    for made in (named, filled):
        session = await reading.sessions.get(OWNER, made.session_id)
        assert (session.parent_session_id, session.root_session_id) == (parent.session_id, parent.session_id)
        assert session.depth == 1
    third = await refusal(reading, parent_session_id=parent.session_id, executor_session_id="third")
    assert third == (Conflict, "limit_reached")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parent_session_id": UNKNOWN_SESSION}, (NotFound, "parent_not_found")),
        ({"parent_session_id": "42"}, (InvalidRequest, "invalid_id")),
        ({"executor_type": "telepathy"}, (InvalidRequest, "unknown_executor")),
        ({"project_dir": "shop"}, (InvalidRequest, "invalid_request")),
        ({"project_dir": "/srv/../etc"}, (InvalidRequest, "invalid_request")),
    ],
)
async def test_a_bad_request_creates_nothing(
    reading: Reading, changes: dict[str, Any], expected: tuple[type[CallboardError], str]
) -> None:
    assert await refusal(reading, **changes) == expected
    assert (await reading.sessions.list(OWNER)).items == []


async def test_only_people_who_may_write_report_conversations(reading: Reading) -> None:
    """S6, A25: an agent's token is no person's."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    for caller in (READER, runner.caller, agent_of(created)):
        assert await refusal(reading, caller) == (Forbidden, "forbidden")


async def test_the_token_of_an_external_session_starts_children_of_it(reading: Reading) -> None:
    """A25: the parent is proven by the token."""
    made, _ = await reading.take_in()
    leader = await reading.leader(made)
    child = await reading.world.runs.create(leader, CreateRun(type="start_session", prompt="say x"), None, None, None)
    assert (await reading.sessions.get(leader, child.session_id)).parent_session_id == made.session_id


async def test_a_repeated_request_is_answered_alike_and_its_secret_is_stored_nowhere(reading: Reading) -> None:
    """20: Idempotency-Key; S1: hashes at rest."""
    key = Idempotency(token_id=USER.token_id, key="k", body_hash="h")
    first, _ = await reading.external.create(USER, conversation(), None, key)
    again, created = await reading.external.create(USER, conversation(), None, key)
    assert created
    assert (again.session_id, again.run_id) == (first.session_id, first.run_id)
    assert again.session_token not in (None, first.session_token)
    await end(reading, again)
    late, _ = await reading.external.create(USER, conversation(), None, key)
    assert (late.run_id, late.session_token) == (first.run_id, None)
    with pytest.raises(InvalidRequest) as refused:
        await reading.external.create(USER, conversation(), None, msgspec.structs.replace(key, body_hash="other"))
    assert refused.value.code == "idempotency_mismatch"
    secrets = [made.session_token for made in (first, again) if made.session_token]
    stored = stored_bytes(reading)
    assert [secret for secret in secrets if secret.encode() in stored] == []
