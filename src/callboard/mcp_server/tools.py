"""The tools: each a few calls of the client, for the caller whose token the client carries."""

import asyncio
import dataclasses
import hashlib
import secrets
from typing import Any, Final

import msgspec

from callboard.client.call import Call
from callboard.client.calls import agents, events, lifecycle, runs, sessions, tokens
from callboard.client.transport import AsyncClient
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.event import NOTE
from callboard.domain.ids import RUN, SESSION, is_id
from callboard.mcp_server import arguments, waiting
from callboard.mcp_server.answers import agent_line, present, run_end, run_line, session_line, session_status, share
from callboard.wire.messages import SendMessage
from callboard.wire.requests import AdditionalDemands, CreateRun, Limits
from callboard.wire.responses import Run, RunCreated, Stopped
from callboard.wire.runner import PostedEvent, PostEvents
from callboard.wire.work import ChangeLifecycle

Answer = dict[str, Any]
NOT_ENDED: Final = "Not ended yet: call wait_agent_session with this cursor."


class Tools:
    """What one caller asks for. `parent_session_id` is the session that it says it is, if any."""

    def __init__(self, client: AsyncClient, parent_session_id: str | None) -> None:
        self._client = client
        self._parent = parent_session_id

    async def list_agents(self, asked: arguments.ListAgents) -> Answer:
        """The agents that can be started in a directory, by default the caller's."""
        directory = asked.project_dir or await self._own_directory()
        page = await self._client.send(agents.list_(project_dir=directory, limit=arguments.MAX_AGENTS))
        return {"agents": [agent_line(one) for one in page.items if one.active]}

    async def list_sessions(self, asked: arguments.ListSessions) -> Answer:
        """Sessions that the caller may see, newest first."""
        page = await self._client.send(
            sessions.list_(
                status=asked.status,
                parent_session_id=asked.parent_session_id,
                q=asked.q,
                page=asked.page,
                limit=asked.limit,
            )
        )
        return {"sessions": [session_line(one) for one in page.items]} | present(next_page=page.next_page)

    async def start_agent_session(self, asked: arguments.StartSession) -> Answer:
        """A new session; in mode sync with its result, if that comes soon."""
        body = CreateRun(
            type="start_session",
            prompt=asked.prompt,
            parameters=asked.parameters,
            agent_name=asked.agent_name,
            executor_type=asked.executor_type,
            execution_mode=asked.mode,
            parent_session_id=self._parent,
            title=asked.title,
            project_dir=asked.project_dir,
            model=asked.model,
            permission_mode=asked.permission_mode,
            additional_demands=AdditionalDemands(tags=asked.tags) if asked.tags else None,
            limits=_limits(asked),
            context=asked.context,
        )
        return await self._create(body, "start", asked.request_id)

    async def resume_agent_session(self, asked: arguments.ResumeSession) -> Answer:
        """A further run of a session."""
        body = CreateRun(
            type="resume_session",
            session_id=asked.session_id,
            prompt=asked.prompt,
            execution_mode=asked.mode,
            parent_session_id=self._parent,
            on_busy=asked.on_busy,
            model=asked.model,
            permission_mode=asked.permission_mode,
        )
        return await self._create(body, "resume", asked.request_id)

    async def send_message(self, asked: arguments.SendMessage) -> Answer:
        """Something said to a session: in the turn that it works on, or as its next one."""
        body = SendMessage(text=asked.message, delivery=asked.delivery)
        key = _key("send", asked.request_id)
        sent = await self._client.send(sessions.send_message(asked.session_id, body, idempotency_key=key))
        return {"session_id": sent.session_id, "run_id": sent.run_id, "delivery": sent.delivery}

    async def _create(self, body: CreateRun, what: str, request_id: str | None) -> Answer:
        created = await self._client.send(runs.create(body, idempotency_key=_key(what, request_id)))
        if body.execution_mode == "sync":
            return await self._in_slice(created)
        return {"session_id": created.session_id, "run_id": created.run_id, "status": created.status}

    async def _in_slice(self, created: RunCreated) -> Answer:
        run = await self._client.send(runs.wait(created.run_id, arguments.SLICE_SECONDS))
        if run.ended_at is not None:
            return run_end(run)
        return await self._line(run) | {"cursor": waiting.cursor_of([run.run_id]), "note": NOT_ENDED}

    async def _line(self, run: Run) -> Answer:
        """A run that has not ended, and whether a person has to do something first."""
        session = await self._client.send(sessions.get(run.session_id))
        return run_line(run) | present(waiting_for=session.waiting_for)

    async def wait_agent_session(self, asked: arguments.WaitSession) -> Answer:
        """What has ended of the runs that are waited for; the cursor stands for the rest."""
        if asked.cursor is not None and asked.handles:
            raise InvalidRequest("Give handles, or the cursor of the answer before, not both.")
        run_ids = waiting.runs_of(asked.cursor) if asked.cursor is not None else await self._runs_of(asked.handles)
        found = await waiting.wait_for(
            self._client, run_ids, first_only=asked.until == "any", seconds=asked.timeout_seconds
        )
        ended = [run for run in found if run.ended_at is not None]
        left = [run for run in found if run.ended_at is None]
        cursor = waiting.cursor_of([run.run_id for run in left])
        return {
            "ended": [run_end(run, share(len(ended))) for run in ended],
            "waiting": await asyncio.gather(*(self._line(run) for run in left)),
        } | present(cursor=cursor)

    async def _runs_of(self, handles: list[str]) -> list[str]:
        """The runs that handles mean, each once; without any, the latest of each child."""
        if not handles:
            own = await self._own_session()
            page = await self._client.send(sessions.list_(parent_session_id=own, limit=arguments.MAX_HANDLES))
            return [child.latest_run_id for child in page.items if child.latest_run_id is not None]
        return list(dict.fromkeys(await asyncio.gather(*(self._run_of(handle) for handle in handles))))

    async def _run_of(self, handle: str) -> str:
        if is_id(RUN, handle):
            return handle
        return await self._latest_run_of(handle)

    async def _latest_run_of(self, session_id: str) -> str:
        if not is_id(SESSION, session_id):
            raise InvalidRequest(f"{session_id[:80]!r} is no session id: those begin with ses_.", code="invalid_id")
        found = (await self._client.send(sessions.get(session_id))).latest_run_id
        if found is None:
            raise NotFound(f"{session_id} has no run.", code="run_not_found")
        return found

    async def get_agent_session_status(self, asked: arguments.SessionStatusOf) -> Answer:
        """How a session is, and why it waits if it does."""
        session = await self._client.send(sessions.get(asked.session_id or await self._own_session()))
        if session.latest_run_id is None:
            return session_status(session, None, None)
        run = await self._client.send(runs.get(session.latest_run_id))
        waits = run.status in ("pending", "interrupted")
        why = (await self._client.send(runs.why(run.run_id))).sentence if waits else None
        return session_status(session, run.status, why)

    async def get_agent_session_result(self, asked: arguments.ResultOf) -> Answer:
        """The result of a run that has ended. Conflict `run_not_finished`."""
        run = await self._client.send(runs.get(asked.run_id or await self._latest_run_of(asked.session_id)))
        _check_belongs(run, asked.session_id)
        if run.ended_at is None:
            raise Conflict(f"{run.run_id} is {run.status}.", code="run_not_finished")
        return run_end(run, offset=asked.offset)

    async def stop_agent_session(self, asked: arguments.StopAgentSession) -> Answer:
        """What the stop reached; what is stopping ends within seconds."""
        stop: Call[Stopped] = sessions.stop(asked.session_id, subtree=asked.subtree)
        answer: Answer = msgspec.to_builtins(await self._client.send(stop))
        return answer

    async def report_status(self, asked: arguments.ReportStatus) -> Answer:
        """Where the caller's work stands; a text besides, or alone, is a note in its log."""
        if asked.status is None and asked.text is None:
            raise InvalidRequest("Give a status (for work on issues), a text, or both.")
        session_id = await self._own_session()
        reported: Answer = {}
        if asked.status is not None:
            body = ChangeLifecycle(
                report=asked.status, reason=asked.reason or asked.text, pull_request_url=asked.pull_request_url
            )
            key = _key("status", asked.request_id)
            session = await self._client.send(lifecycle.change(session_id, body, idempotency_key=key))
            reported = {"status": session.lifecycle}
        noted = {} if asked.text is None else await self._note(session_id, asked.text, asked.request_id)
        return {"session_id": session_id} | reported | noted

    async def _note(self, session_id: str, text: str, request_id: str | None) -> Answer:
        key = _key("report", request_id) or secrets.token_hex(16)
        note = PostedEvent(client_key=key, type=NOTE, payload=msgspec.Raw(msgspec.json.encode({"text": text})))
        post = dataclasses.replace(events.post(session_id, PostEvents(events=[note])), repeatable=True)
        seq = (await self._client.send(post)).seqs[0]
        if request_id is not None:
            await self._check_note(session_id, seq, text)
        return {"seq": seq}

    async def _check_note(self, session_id: str, seq: int, text: str) -> None:
        """InvalidRequest `idempotency_mismatch` when the log has another text under this request_id."""
        page = await self._client.send(events.list_(session_id, after=seq - 1, limit=1))
        found = [msgspec.json.decode(event.payload).get("text") for event in page.items if event.seq == seq]
        if found not in ([], [text]):
            raise InvalidRequest(f"Note {seq} has this request_id, and another text.", code="idempotency_mismatch")

    async def _own_session(self) -> str:
        found = await self._session()
        if found is None:
            raise InvalidRequest("This token belongs to no session.", hint="Name a session_id.")
        return found

    async def _session(self) -> str | None:
        return self._parent or (await self._client.send(tokens.me())).session_id

    async def _own_directory(self) -> str | None:
        own = await self._session()
        return None if own is None else (await self._client.send(sessions.get(own))).project_dir


def _limits(asked: arguments.StartSession) -> Limits | None:
    limits = Limits(
        timeout_seconds=asked.timeout_seconds,
        budget_microdollars=asked.budget_microdollars,
        budget_tokens=asked.budget_tokens,
    )
    return None if limits == Limits() else limits


def _key(what: str, request_id: str | None) -> str | None:
    """The key under which the coordinator remembers the answer; the same words for another tool are another request."""
    if request_id is None:
        return None
    return "mcp-" + hashlib.sha256(f"{what}\0{request_id}".encode()).hexdigest()[:40]


def _check_belongs(run: Run, session_id: str) -> None:
    if run.session_id != session_id:
        raise NotFound(f"{run.run_id} is no run of {session_id}.", code="run_not_found")
