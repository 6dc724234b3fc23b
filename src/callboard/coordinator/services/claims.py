"""What a runner is told of a run that it claimed: the prompt for the agent, the conversation to continue."""

import json
from typing import Any

from callboard.coordinator.services.budget_changes import left_for
from callboard.coordinator.services.fleet import FleetRunner
from callboard.coordinator.services.foreign_text import in_prompt_of
from callboard.coordinator.services.portability import copy_for
from callboard.coordinator.services.task_runs import claimed
from callboard.domain import ids
from callboard.domain.run import CONTINUATION_PROMPT
from callboard.store.database import Row, Transaction
from callboard.wire.runner import Claim

EARLIER_TURNS_BYTES = 16_000


def build_claim(tx: Transaction, run: Row, runner: FleetRunner) -> Claim:
    """The claim of a run that was just claimed."""
    session_id = run["session_id"]
    session = tx.one("session_by_id", session_id=session_id)
    if session is None:
        raise RuntimeError(f"session {session_id} of run {run['run_id']} is missing")
    binding = tx.one("open_binding", session_id=session_id)
    continues = run["context"] == "persistent" and _continues(binding, run)
    kept = copy_for(tx, session, binding, runner.hostname) if binding and continues else None
    behind = kept is not None and kept.behind
    cut_off = continues and not behind and was_cut_off(tx, run["run_id"], run["attempt"])
    return Claim(
        run_id=run["run_id"],
        session_id=session_id,
        attempt=run["attempt"],
        run_number=run["number"],
        type=run["type"],
        trigger=run["trigger"],
        prompt=(run["prompt"] or "")
        if run["executor_type"] in runner.offer.script_executor_types  # nothing is added to a script
        else _prompt(tx, run, cut_off=cut_off, told_until=kept.run_number if kept and behind else None),
        prompt_as_data=in_prompt_of(run),
        parameters=json.loads(run["parameters"]) if run["parameters"] else {},
        context=run["context"],
        executor_type=run["executor_type"],
        executor_session_id=binding["executor_session_id"] if binding and continues else None,
        conversation_uuid=str(ids.uuid_of(run["run_id"] if run["from_log"] else session_id)),
        answered=continues and _is_answered(tx, binding),
        binding_generation=binding["generation"] if binding else 0,
        project_dir=run["project_dir"] or session["project_dir"] or runner.project_dir,
        agent=json.loads(run["agent"]) if run["agent"] else None,
        model=run["model"],
        permission_mode=run["permission_mode"],
        limits=_limits(tx, run),
        tries=run["tries"],
        earlier_attempts=list(range(1, run["attempt"])),
        traceparent=run["traceparent"],
        portable=bool(session["portable"]) and run["context"] == "persistent",
        transcript=kept.copy if kept else None,
        checks=claimed(tx, run),
        repository=json.loads(session["workspace"]).get("repository") if session["workspace"] else None,
    )


def _limits(tx: Transaction, run: Row) -> dict[str, Any]:
    """The run's limits; of a budget what is left of it now, for executors that keep to it themselves."""
    left = left_for(tx, run["pool_session_id"])
    limits: dict[str, Any] = json.loads(run["limits"])
    return limits | {f"budget_{unit}": amount for unit, amount in left.items()}


def _is_answered(tx: Transaction, binding: Row | None) -> bool:
    """Whether an assistant message of the bound conversation is stored, whichever run it came with."""
    if binding is None:
        return False
    names = ("session_id", "executor_type", "executor_session_id")
    return tx.one("answer_in_conversation", **{name: binding[name] for name in names}) is not None


def _continues(binding: Row | None, run: Row) -> bool:
    """Whether the run continues the bound conversation: not after a hand-over, unless it began that one itself."""
    if binding is None:
        return False
    handed_over = run["from_log"] and binding["run_id"] != run["run_id"]
    return bool(binding["executor_type"] == run["executor_type"]) and not handed_over


def was_cut_off(tx: Transaction, run_id: str, before: int) -> bool:
    """Whether an attempt of the run before this one was bound and had taken the prompt."""
    return tx.one("cut_off_attempt", run_id=run_id, before=before) is not None


def _prompt(tx: Transaction, run: Row, *, cut_off: bool, told_until: int | None) -> str:
    """`told_until`: the conversation is restored as it was after that run, so what came after it is told in words."""
    if cut_off:
        return CONTINUATION_PROMPT
    prompt: str = run["prompt"] or ""
    if told_until is not None:
        turns = tx.all("earlier_turns", session_id=run["session_id"], number=run["number"])
        return earlier_turns([turn for turn in turns if turn["number"] > told_until]) + prompt
    told_in_prompt = run["lifecycle"] is not None
    if (run["context"] == "fresh" or run["from_log"]) and run["number"] > 1 and not told_in_prompt:
        return earlier_turns(tx.all("earlier_turns", session_id=run["session_id"], number=run["number"])) + prompt
    return prompt


def earlier_turns(newest_first: list[Row]) -> str:
    """What a fresh agent is told of the session's earlier runs: at most 16 kB, the newest kept."""
    parts: list[str] = []
    left = EARLIER_TURNS_BYTES
    for row in newest_first:
        part = _turn(row)
        left -= len(part.encode())
        if left < 0:
            break
        parts.append(part)
    if not parts:
        return ""
    return "<earlier-turns>\n" + "".join(reversed(parts)) + "</earlier-turns>\n\n"


def _turn(row: dict[str, Any]) -> str:
    outcome = row["result_text"] or row["result_data"] or row["error_message"] or row["reason"] or ""
    return (
        f'<turn number="{row["number"]}" status="{row["status"]}">\n'
        + _quoted(row["prompt"] or "")
        + (f"\n<outcome>\n{_plain(outcome)}\n</outcome>\n</turn>\n")
    )


def _quoted(prompt: str) -> str:
    return f"<prompt>\n{_plain(prompt)}\n</prompt>"


def _plain(text: str) -> str:
    """Text that cannot close the element around it."""
    return text.replace("</", "<\\/")
