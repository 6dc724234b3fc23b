"""Checks an agent's result against its output schema, and words the one corrective turn that it gets."""

from typing import Any, Final

import jsonschema_rs

MAX_PROBLEMS: Final = 10


class Output:
    """The output of one launch. Without a schema everything is right."""

    def __init__(self, schema: dict[str, Any] | None) -> None:
        self._validator = jsonschema_rs.validator_for(schema) if schema else None
        self._corrected = False

    @property
    def checked(self) -> bool:
        """Whether there is a schema."""
        return self._validator is not None

    def complaint(self, data: Any) -> str | None:
        """What to tell the agent about a result that does not fit, once; None when it fits or was told before."""
        if self._validator is None or self._corrected:
            return None
        found = list(self._validator.iter_errors(data))[:MAX_PROBLEMS]
        problems = [f"- {_place(error.instance_path)}{error.message}" for error in found]
        if not problems:
            return None
        if data is None:
            problems = ["- there is none."]
        self._corrected = True
        return "\n".join(["Your result does not fit the output schema:", *problems, "Give the corrected result now."])


def _place(path: list[str | int]) -> str:
    return "".join(f"/{part}" for part in path) + ": " if path else ""
