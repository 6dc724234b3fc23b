"""What the API says in the words of its bodies, in those of the command line. All pure."""

import re
from typing import Any, Final

_FLAGS: Final = {
    "/limits/budget_microdollars": "--budget",
    "/budget_microdollars": "--budget",
    "/limits/budget_tokens": "--budget-tokens",
    "/budget_tokens": "--budget-tokens",
    "/limits/max_turns": "--max-turns",
    "/max_iterations": "--max-iterations",
    "/summary": "--summary",
    "/model": "--model",
    "/executor_type": "--executor",
    "/agent_name": "--agent",
    "/base_branch": "--base",
    "/hostname": "--host",
    "/priority": "--priority",
}
_PLAIN: Final = ("title", "body", "text", "prompt", "reason", "label", "name")
_LENGTH: Final = re.compile(r"Expected `str` of length (<=|>=) (\d+)")
_NUMBER: Final = re.compile(r"Expected `(?:int|float)` (<=|>=) (-?\d+)")
_BOUNDS: Final = {"<=": "at most", ">=": "at least"}
_FIELD: Final = re.compile(r"\bon_busy=")


def plain_error(errors: list[dict[str, Any]]) -> str:
    """The sentence for the one place of a body that was refused; empty when the API's own is as good."""
    if len(errors) != 1:
        return ""
    pointer, message = str(errors[0].get("pointer", "")), str(errors[0].get("message", ""))
    name = _FLAGS.get(pointer) or (f"The {pointer[1:]}" if pointer[1:] in _PLAIN else "")
    if not name:
        return ""
    if found := _LENGTH.fullmatch(message):
        return f"{name} must have {_BOUNDS[found[1]]} {found[2]} characters."
    if found := _NUMBER.fullmatch(message):
        if (name, found[1], found[2]) == ("--budget", ">=", "1"):
            return "--budget must be more than 0."
        bound = int(found[2]) // (1_000_000 if name == "--budget" else 1)
        return f"{name} must be {_BOUNDS[found[1]]} {bound}."
    return ""


def plain_hint(hint: str) -> str:
    """A next step with the flags of the command line."""
    return _FIELD.sub("--on-busy ", hint)
