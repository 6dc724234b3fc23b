"""GitHub on this machine: the routes of its API that are used, and git over HTTP; and a program `gh` beside it.

Both refuse what the real ones refuse: a wrong token, an unknown field or flag, a pull request that exists.
"""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

TOKEN: Final = "ghp_0123456789abcdef"
REPOSITORY: Final = "ann/shop"
FAKE_GH: Final = Path(__file__).with_name("fake_gh.py")


class GitHub:
    """One repository, `ann/shop`, with its issues and pull requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bare = folder / "ann" / "shop.git"
        self.bare.parent.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.bare)], check=True)
        subprocess.run(["git", "-C", str(self.bare), "config", "http.receivepack", "true"], check=True)
        self.issues: dict[int, dict[str, Any]] = {}
        self.pulls: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.down = False
        self.limit: dict[str, str] | None = None
        """Header fields of the refusals, while it was asked too often."""
        self.answers_left: int | None = None
        """How often it answers before it is down; None: it stays up."""
        self.server = _Server(self)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"http://{self.host}/api/v3"

    @property
    def remote(self) -> str:
        """What a clone has as its `origin`."""
        return f"http://{self.host}/{REPOSITORY}.git"

    def issue(self, number: int, title: str, body: str | None = "", **fields: Any) -> None:
        """An issue as the API has it."""
        url = f"http://{self.host}/{REPOSITORY}/issues/{number}"
        self.issues[number] = {
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "html_url": url,
            "user": {"login": "ann"},
            "author_association": "OWNER",
        } | fields

    def gh(self, folder: Path, *, logged_in: bool = True) -> Path:
        """A program `gh` that knows the same repository; the folder is to be on the PATH."""
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "gh"
        program.write_text(f"#!{sys.executable}\n{FAKE_GH.read_text()}")
        program.chmod(0o755)
        token = TOKEN if logged_in else ""
        (folder / "gh.json").write_text(json.dumps({"api": self.api_url, "host": self.host, "token": token}))
        return program


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: "_Server"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _answer(self) -> None:
        github = self.server.github
        github.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if github.down or github.answers_left == 0:
            self._say(503, {"message": "Service unavailable"})
            return
        if github.answers_left is not None:
            github.answers_left -= 1
        if github.limit is not None:
            self._say(403, {"message": "API rate limit exceeded for user ID 1."}, github.limit)
        elif self.path.startswith("/api/v3/"):
            self._say(*self._api(body))
        else:
            self._git(body)

    def _api(self, body: bytes) -> tuple[int, Any]:
        where = urlsplit(self.path)
        owner, name, *below = where.path.removeprefix("/api/v3/repos/").split("/")
        kind, *rest = below or [""]
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if f"{owner}/{name}" != REPOSITORY:
            return 404, {"message": "Not Found"}
        if self.command == "POST" and kind == "pulls":
            return self._open_pull(json.loads(body))
        return self._read(kind, rest, {name: values[0] for name, values in parse_qs(where.query).items()})

    def _read(self, kind: str, rest: list[str], query: dict[str, str]) -> tuple[int, Any]:
        github = self.server.github
        if not kind:
            return 200, {"full_name": REPOSITORY}
        if kind == "issues" and rest:
            found = github.issues.get(int(rest[0]))
            return (200, found) if found else (404, {"message": "Not Found"})
        if kind == "issues":
            return 200, _page([one for one in github.issues.values() if one["state"] == query["state"]], query)
        owner, _, head = query["head"].partition(":")
        fitting = [one for one in github.pulls if one["head"] == head and owner in (one.get("owner", "ann"), "*")]
        return 200, [one for one in fitting if one["state"] == query["state"]]

    def _open_pull(self, asked: dict[str, Any]) -> tuple[int, Any]:
        github = self.server.github
        if set(asked) - {"title", "body", "base", "head", "draft"} or not asked["title"]:
            return 422, {"message": "Validation Failed"}
        known = subprocess.run(
            ["git", "-C", str(github.bare), "branch", "--format=%(refname:short)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        if {asked["base"], asked["head"]} - set(known):
            return 422, {"message": "Validation Failed", "errors": [{"message": "No such branch"}]}
        if any((one["head"], one.get("owner", "ann")) == (asked["head"], "ann") for one in github.pulls):
            return 422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
        number = 100 + len(github.pulls)
        url = f"http://{github.host}/{REPOSITORY}/pull/{number}"
        github.pulls.append(asked | {"number": number, "state": "open", "html_url": url})
        return 201, github.pulls[-1]

    def _git(self, body: bytes) -> None:
        basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {basic}":
            self._say(401, {})
            return
        where = urlsplit(self.path)
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.github.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": where.path,
            "QUERY_STRING": where.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "ann",
        }
        argv = ["git", "http-backend"]
        done = subprocess.run(argv, env=variables, input=body, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _say(self, code: int, said: Any, fields: dict[str, str] | None = None) -> None:
        content = json.dumps(said).encode()
        self.send_response(code)
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    """Knows whose it is."""

    def __init__(self, github: GitHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.github = github


def _page(items: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
    newest = sorted(items, key=lambda one: -one["number"])
    return newest[(number - 1) * size : number * size]
