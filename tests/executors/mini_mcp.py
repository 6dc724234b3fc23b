"""A tiny MCP server on stdio for tests, with one tool: echo."""

import json
import sys
from typing import Any

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of a request."""
    match method:
        case "initialize":
            version = params.get("protocolVersion", "2025-06-18")
            info = {"name": "mini", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": [{"name": "echo", "description": "Return the text.", "inputSchema": TEXT}]}
        case "tools/call":
            return {"content": [{"type": "text", "text": "echo: " + params["arguments"]["text"]}]}
    return {}


def main() -> None:
    """Answers every request on stdin."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            answer = result(message["method"], message.get("params") or {})
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
