"""A state machine as a table: the only form in which this code base writes one."""

from collections.abc import Mapping


class IllegalTransition(ValueError):
    """A state does not allow an event; the text names the events that it does allow."""


class Transitions:
    """The table of a state machine: (state, event) -> state."""

    def __init__(self, table: Mapping[tuple[str, str], str]) -> None:
        self.table = dict(table)
        self.states = frozenset({state for state, _ in table} | set(table.values()))
        self.final = self.states - {state for state, _ in table}

    def next_state(self, state: str, event: str) -> str:
        """The state after an event; IllegalTransition when the table has no such entry."""
        try:
            return self.table[state, event]
        except KeyError:
            legal = sorted(name for at, name in self.table if at == state) or ["nothing"]
            raise IllegalTransition(f"{event} is not possible from {state}; possible: {', '.join(legal)}") from None

    def sources(self, event: str) -> tuple[str, ...]:
        """The states that allow an event, sorted."""
        return tuple(sorted(state for state, name in self.table if name == event))
