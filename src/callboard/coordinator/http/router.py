"""Finds the route of an address: exact paths first, then the patterns that begin with the same segment, in order."""

import re
from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

from starlette.routing import compile_path

E = TypeVar("E")


class Found(NamedTuple, Generic[E]):
    """The endpoints at an address by method, and what stands at the parameters of its path."""

    methods: Mapping[str, E]
    parameters: dict[str, str]


class Router(Generic[E]):
    """Endpoints by path. The patterns are Starlette's."""

    def __init__(self, endpoints: Iterable[tuple[str, str, E]]) -> None:
        self._exact: dict[str, dict[str, E]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], dict[str, E]]]] = {}
        by_path: dict[str, dict[str, E]] = {}
        for method, path, endpoint in endpoints:
            if path not in by_path:
                self._add_path(path, by_path.setdefault(path, {}))
            by_path[path][method] = endpoint

    def _add_path(self, path: str, methods: dict[str, E]) -> None:
        if "{" not in path:
            self._exact[path] = methods
        else:
            self._patterns.setdefault(path.split("/", 2)[1], []).append((compile_path(path)[0], methods))

    def find(self, path: str) -> Found[E] | None:
        """What stands at an address, or None."""
        methods = self._exact.get(path)
        if methods is not None:
            return Found(methods, {})
        before, _, rest = path.partition("/")
        for pattern, at_pattern in self._patterns.get(rest.partition("/")[0], ()) if not before else ():
            match = pattern.match(path)
            if match:
                return Found(at_pattern, match.groupdict())
        return None
