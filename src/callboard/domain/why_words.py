"""The words of `why`: its closed list of answers, and the sentences that follow from one name alone."""

from typing import Final

from callboard.domain.run import REASON_SENTENCES

CODES: Final[dict[str, str]] = {
    "ended": "The run has ended; `reason` says how.",
    "running": "A runner executes the run.",
    "checking": "The agent has ended, and a check runs.",
    "waits_for_approval": "The agent waits for a person's permission.",
    "external": "Another process leads the conversation and reports it.",
    "stopping": "The run is being stopped.",
    "interrupted": "Contact with the run's runner is lost; what follows depends on on_lost.",
    "claimed": "A runner took the run and prepares it.",
    "preparing": "The worktree that the run works in is being made.",
    "work_halted": "The work that the run belongs to is stuck or paused.",
    "behind_run": "Another run of the same session is before it.",
    "behind_external": "Another process leads the session's conversation now.",
    "budget": "The budget from which the run draws is used up, or reserved.",
    "no_runner": "No runner is registered.",
    "no_matching_runner": "No registered runner meets the demands.",
    "waits_for_host": "The host of the conversation has time to take the run, before other hosts may.",
    "runner_lost": "The runners that fit are not heard of.",
    "runner_draining": "The runners that fit take no new runs.",
    "no_free_slot": "The runners that fit are full.",
    "in_queue": "Other runs are before it.",
    "next": "A runner takes it with its next poll.",
}
"""The closed list of answers."""

STOPPED_BY: Final = {
    "person": "A person stopped it.",
    "parent": "Its parent session stopped it.",
    "tree": "The tree that it belongs to was stopped.",
    "busy": "It made way for a newer run of its session.",
    "lifecycle": "The work that it belongs to was halted.",
}
UNPRICED_SENTENCE: Final = (
    "The budget is in dollars, and what the run used has no known price; a budget in tokens can be kept with any model."
)
IN_TOKENS: Final = (
    "Keep one in tokens, and it goes on: callboard budget {pool} --no-limit dollars --budget-tokens TOKENS"
)
RETRY: Final = "callboard retry {run_id}"
AFTER_END: Final = {
    "completed": None,
    "no_matching_runner": "Start a runner that meets the demands, then: " + RETRY,
    "queue_timeout": "Raise limits.queue_timeout_seconds or add a runner, then: " + RETRY,
    "timeout": "Raise limits.timeout_seconds, then: " + RETRY,
    "max_turns": "Raise limits.max_turns, then: " + RETRY,
    "interrupted": "Look whether the runner's machine is up, then: " + RETRY,
    "executor_session_missing": "callboard resume {session_id} PROMPT --from-log",
    "workspace_not_portable": "Bring the runner of the session's host back, then: " + RETRY,
    "budget_exceeded": "Raise it, and it goes on: callboard budget {pool} --budget DOLLARS",
}
WAITS_FOR_HOST: Final = ("no_matching_runner", "runner_lost", "runner_draining", "no_free_slot", "in_queue")
LACKS: Final = {
    "hostname_differs": "is on the host {wanted}",
    "executor_missing": "offers the executor {wanted}",
    "prompt_is_script": "takes the prompt of {wanted} as data",
    "outside_roots": "may work in {wanted}",
    "tag_missing": "has the tag {wanted}",
    "needs_shared_tag": "takes runs that share none of its tags",
}
REMEDIES: Final = {
    "hostname_differs": "Start the runner on {wanted}.",
    "executor_missing": "Start a runner that offers it: callboard runner --executor {wanted}",
    "prompt_is_script": "If its program only reads it: prompt_is_data = true below [executors.{wanted}] of the runner.",
    "outside_roots": "Start a runner that may work there: callboard runner --root {wanted}",
    "tag_missing": "Start a runner that has it: callboard runner --tag {wanted}",
    "needs_shared_tag": "Give the run a tag of the runner, or start a runner without require_matching_tags.",
}


NOT_STARTED: Final = frozenset({"check_unknown", "executor_missing", "launch_refused", "prompt_is_script"})
"""Codes of runs that a runner could not launch: no agent of theirs did anything."""


def sentence_of_end(
    reason: str | None, stopped_by: str | None, told: str | None = None, code: str | None = None
) -> str | None:
    """Why a run ended, by who stopped it where somebody did; None while it has not.

    `told` is what was kept of it: of a budget it says more, whose it is and whether it is used up at all; `code` is
    that of its error.
    """
    if reason == "failed" and code in NOT_STARTED:
        return "No agent was started."
    if reason == "budget_exceeded" and told:
        return told
    whose = STOPPED_BY.get(stopped_by or "") if reason == "stopped" else None
    return whose or REASON_SENTENCES.get(reason or "")
