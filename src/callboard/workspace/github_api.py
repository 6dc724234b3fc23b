"""GitHub by its API, with a token that goes to that address and nowhere else. Knows its routes, nothing of our jobs."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
import msgspec

from callboard.wire.jobs import IssueText
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.tracker import NewPullRequest, issue_text, pull_request_url, unknown_issues

API_URL: Final = "https://api.github.com"
SECONDS: Final = 15.0
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
PAGE: Final = 100
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
MAX_PAGES: Final = 100
_GONE: Final = (404, 410)
_MOVED: Final = (301, 302, 307, 308)
_EPOCH_DIGITS: Final = 10


class GitHubApi:
    """A repository on GitHub, asked over HTTP."""

    def __init__(self, api_url: str, token: str, repository: str) -> None:
        parts = urlsplit(api_url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise WorkspaceRefused("tracker_access", f"{api_url} is not encrypted; the token is not sent there.")
        self._url = f"{api_url.rstrip('/')}/repos/{quote(repository)}"
        self._owner = repository.partition("/")[0]
        self._token = token
        self._direct = parts.hostname in _LOOPBACK

    def issue(self, number: int) -> IssueText:
        code, said = self._ask("GET", f"/issues/{number}")
        if code in _GONE:
            self._fine(*self._ask("GET", ""))  # a repository that the token may not see has no issue either
        if code in _GONE or (isinstance(said, dict) and "pull_request" in said):
            raise unknown_issues([number])
        return issue_text(_object(self._fine(code, said)))

    def open_issues(self, limit: int) -> list[IssueText]:
        found: list[IssueText] = []
        for page in range(1, MAX_PAGES + 1):  # pull requests stand among them, and do not count
            code, said = self._ask("GET", "/issues", {"state": "open", "per_page": str(PAGE), "page": str(page)})
            items = _list(self._fine(code, said))
            found += [issue_text(one) for one in items if "pull_request" not in one]
            if len(items) < PAGE or len(found) >= limit:
                return found[:limit]
        raise WorkspaceRefused("tracker_refused", f"More than {PAGE * MAX_PAGES} issues and pull requests are open.")

    def pull_request(self, branch: str) -> str | None:
        query = {"state": "open", "head": f"{self._owner}:{branch}", "per_page": "1"}
        code, said = self._ask("GET", "/pulls", query)
        found = _list(self._fine(code, said))
        return pull_request_url(found[0].get("html_url")) if found else None

    def open_pull_request(self, new: NewPullRequest) -> str:
        asked = {"title": new.title, "body": new.body, "base": new.base, "head": new.head, "draft": new.draft}
        code, said = self._ask("POST", "/pulls", body=asked)
        return pull_request_url(_object(self._fine(code, said)).get("html_url"))

    def push_token(self) -> str | None:
        return self._token

    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Status and body of an answer; of a body that is no JSON nothing."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "callboard",
        }
        try:
            with (
                httpx2.Client(trust_env=not self._direct, timeout=SECONDS, follow_redirects=False) as client,
                client.stream(method, self._url + path, params=query, json=body, headers=headers) as answer,
            ):
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER_BYTES:
                        raise WorkspaceRefused("tracker_refused", "The tracker's answer is too long.")
                _check_rate(urlsplit(self._url).netloc, answer)
                return answer.status_code, _decoded(bytes(content))
        except httpx2.TransportError as cause:
            host = urlsplit(self._url).netloc
            sentence = f"{host} cannot be reached: {cause}."
            raise WorkspaceRefused("tracker_unavailable", sentence, "Try again when it can.") from cause

    def _fine(self, code: int, said: Any) -> Any:
        if code < 300:
            return said
        detail = str(said.get("message", ""))[:300] if isinstance(said, dict) else ""
        if isinstance(said, dict) and isinstance(said.get("errors"), list):
            told = [str(one.get("message", "")) for one in said["errors"][:3] if isinstance(one, dict)]
            detail = f"{detail} {' '.join(told)}".strip()[:600]
        sentence = f"The tracker answered {code}: {detail or 'without a reason'}."
        if code in _MOVED:
            hint = "git remote set-url origin its new address, then callboard project add"
            raise WorkspaceRefused("tracker_access", f"{sentence} The repository or the issue has moved.", hint)
        if code in (401, 404):
            raise WorkspaceRefused("tracker_access", sentence, "Look whether the token may see the repository.")
        if code >= 500 or code == 429 or "rate limit" in detail.lower():
            raise WorkspaceRefused("tracker_unavailable", sentence, "Try again later.")
        raise WorkspaceRefused("tracker_refused", sentence)


def _check_rate(host: str, answer: httpx2.Response) -> None:
    """Raises `tracker_unavailable` with when to ask again, where the tracker says that it was asked too often."""
    later, reset = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-reset", "")
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status_code not in (403, 429) or not (spent or later):
        return
    when = "later"
    if later.isdecimal():
        when = f"in {later} s"
    elif reset.isdecimal() and len(reset) <= _EPOCH_DIGITS:
        when = f"after {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC"
    raise WorkspaceRefused("tracker_unavailable", f"{host} was asked too often with this token.", f"Try again {when}.")


def _object(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {}


def _list(said: Any) -> list[dict[str, Any]]:
    return [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None
