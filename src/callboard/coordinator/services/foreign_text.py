"""Prompts that others than the person who asks have words in: no interpreter may get one as a script. Makes no runs."""

import json
from typing import Final

import msgspec

from callboard.coordinator.services.fleet import offer_of
from callboard.coordinator.services.new_run import NewRun
from callboard.domain.callback import NONCE_PARAMETER
from callboard.domain.caller import SYSTEM
from callboard.domain.demands import Demands
from callboard.domain.errors import Conflict
from callboard.store.database import Row, Transaction

SENTENCE: Final = "The executor {!r} may run its prompt as a script here, and this one would hold text from elsewhere."
NEXT_STEP: Final = (
    "Take another executor; or, where its program (no shell) only reads what it is given, write prompt_is_data = true "
    "below [executors.{}] in the runner's file, and start the runner again."
)


def guarded(tx: Transaction, new: NewRun, session: Row | None, demands: Demands) -> Demands:
    """The demands of a run, with that on its prompt. Conflict `prompt_is_script` where it would only be executed."""
    if not _holds_foreign_text(tx, new, session):
        return demands
    if new.caller is not SYSTEM:
        check_reads(tx, demands.executor_type)
    return msgspec.structs.replace(demands, prompt_as_data=True)


def check_reads(tx: Transaction, executor_type: str) -> None:
    """Conflict `prompt_is_script` where text from elsewhere would only be executed."""
    if only_executed(tx, executor_type):
        hint = NEXT_STEP.format(executor_type)
        raise Conflict(SENTENCE.format(executor_type), code="prompt_is_script", hint=hint)


def only_executed(tx: Transaction, executor_type: str) -> bool:
    """Whether each runner that offers an executor, and there is one, has it run its prompt as a script."""
    offers = [offer for row in tx.all("all_runners") if executor_type in (offer := offer_of(row)).executor_types]
    return bool(offers) and all(executor_type in offer.script_executor_types for offer in offers)


def in_prompt_of(run: Row) -> bool:
    """Whether the prompt of a run holds text from elsewhere; also of runs from before that was demanded."""
    carries = bool(run["parameters"]) and NONCE_PARAMETER in json.loads(run["parameters"])
    return carries or run["lifecycle"] is not None or bool(json.loads(run["demands"]).get("prompt_as_data"))


def _holds_foreign_text(tx: Transaction, new: NewRun, session: Row | None) -> bool:
    """Only what a person says in this very request, outside of work on issues, is nobody else's."""
    if new.trigger not in (None, "user") or not new.caller.is_person or new.caller is SYSTEM:
        return True
    if new.forked_from is not None or new.request.parameters is not None:
        return True
    if session is not None and session["handle"] is not None:
        return True
    before = tx.one("run_by_id", run_id=new.retry_of) if new.retry_of else None
    return before is not None and bool(json.loads(before["demands"]).get("prompt_as_data"))
