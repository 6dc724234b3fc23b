"""Runs one route for a caller that is proven: checks its kind, parses, calls the handler, renders."""

from typing import Any, Final

import msgspec

from callboard.coordinator.http import parse
from callboard.coordinator.http.access import require
from callboard.coordinator.http.answer import Answer, render_json
from callboard.coordinator.http.call import Call
from callboard.coordinator.http.in_flight import InFlight
from callboard.coordinator.http.route import Route
from callboard.coordinator.metrics import RequestTally
from callboard.domain.idempotency import Idempotency, body_hash


class Endpoint:
    """A route, made ready: its parsers are built once."""

    def __init__(self, route: Route, tally: RequestTally, in_flight: InFlight, limit_bytes: int) -> None:
        self.route = route
        self.tally = tally
        self._in_flight = in_flight
        self._limit_bytes = limit_bytes
        self._id_names: Final = tuple(name for name in parse.PATH_IDS if f"{{{name}}}" in route.path)
        self._has_number: Final = "{number}" in route.path
        self._has_name: Final = "{name}" in route.path
        self._parser = self._build(route.request)
        self._external_parser = self._build(route.external_request)

    def _build(self, kind: type[msgspec.Struct] | None) -> parse.BodyParser | None:
        if kind is None:
            return None
        return parse.BodyParser(kind, report=self.route.report, optional=self.route.optional_body)

    async def answer(self, call: Call, parameters: dict[str, str]) -> Answer:
        """The answer to a call; CallboardError when it is refused."""
        route = self.route
        if route.access != "open":
            require(call.caller, route.access)
        for name in self._id_names:
            call.id = parse.parse_id(name, parameters[name])
        if self._has_number:
            call.number = parse.parse_number(parameters["number"])
        if self._has_name:
            call.id = parse.parse_name(parameters["name"])
        if self._parser is None and route.method != "GET":
            parse.check_media_type(call.headers, needs_body=False)
        if route.query is not None:
            call.query = parse.parse_query(call.scope["query_string"], route.query)
        if self._parser is None:
            return await self._run(call)
        return await self._answer_to_body(call, self._parser)

    async def _answer_to_body(self, call: Call, parser: parse.BodyParser) -> Answer:
        parse.check_media_type(call.headers, needs_body=not self.route.optional_body)
        body = await parse.read_body(call.receive, call.headers, self._limit_bytes)
        if self._external_parser is not None and call.caller.kind == "session":
            parser = self._external_parser
        call.body = await parse.beside(body, lambda: parser.parse(body))
        key = parse.parse_idempotency_key(call.headers) if self.route.creates else None
        if key is None:
            return await self._run(call)
        address = f"{self.route.method} {call.scope['path']}"
        hashed = await parse.beside(body, lambda: body_hash(address, body))
        call.idempotency = Idempotency(token_id=call.caller.person_id, key=key, body_hash=hashed)
        with self._in_flight.only_one(call.caller.person_id, key):
            return await self._run(call)

    async def _run(self, call: Call) -> Answer:
        result: Any = await self.route.handler(call)
        if isinstance(result, Answer):
            return result
        return render_json(result, self.route.status)
