"""GitHub by its program `gh`, which has its own login. Knows its words and exit codes, nothing of our jobs."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from callboard.wire.jobs import IssueText
from callboard.workspace.git import Git, Output, absolute_path, run_program
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.tracker import NewPullRequest, issue_text, pull_request_url, unknown_issues

SECONDS: Final = 30.0
NOT_LOGGED_IN: Final = 4
AGAIN: Final = "Try again when it can be reached."
_FIELDS: Final = "number,title,body,state,url"
_GONE: Final = (404, 410)
_KEPT: Final = frozenset(
    {
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "GH_CONFIG_DIR",
        "GH_TOKEN",
        "GITHUB_TOKEN",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "TMPDIR",
        "USER",
        "LOGNAME",
    }
)


class GitHubProgram:
    """A repository on GitHub, asked by `gh`; started in a folder of ours, so that it reads no repository here."""

    def __init__(self, git: Git, program: str, environment: Mapping[str, str], host: str, repository: str) -> None:
        self._git = git
        self._program = program
        self._host = host
        self._repository = repository
        self._where = f"--repo={host}/{repository}"
        kept = {name: value for name, value in environment.items() if name in _KEPT}
        self._variables = kept | {
            "PATH": absolute_path(environment),
            "LC_ALL": "C",
            "NO_COLOR": "1",
            "GH_PAGER": "cat",
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
        }

    def issue(self, number: int) -> IssueText:
        # `gh issue view` does not know what the author is to the repository.
        said = self._api(f"/issues/{number}")
        if _is_gone(said):
            if _is_gone(self._api("")):
                sentence = f"gh's login does not see {self._repository} on {self._host}."
                raise WorkspaceRefused("tracker_access", sentence, "gh auth login, as somebody who does.")
            raise unknown_issues([number])
        found = _object(self._fine("api", said))
        if "pull_request" in found:
            raise unknown_issues([number])
        return issue_text(found)

    def open_issues(self, limit: int) -> list[IssueText]:
        said = self._run("issue", "list", self._where, "--state=open", f"--limit={limit}", f"--json={_FIELDS}")
        return [issue_text(one) for one in _objects(self._fine("issue list", said))]

    def pull_request(self, branch: str) -> str | None:
        # `gh pr list --head` names those of strangers' forks too, whose branch may be called the same.
        head = f"{self._repository.partition('/')[0]}:{branch}"
        said = self._api(f"/pulls?state=open&per_page=1&head={head}")
        found = _objects(self._fine("api", said))
        return pull_request_url(found[0].get("html_url")) if found else None

    def open_pull_request(self, new: NewPullRequest) -> str:
        words = [f"--title={new.title}", f"--body={new.body}", f"--base={new.base}", f"--head={new.head}"]
        draft = ["--draft"] if new.draft else []
        said = self._fine("pr create", self._run("pr", "create", self._where, *words, *draft))
        return pull_request_url(said.text.strip().rpartition("\n")[2])

    def push_token(self) -> str | None:
        said = self._run("auth", "token", f"--hostname={self._host}")
        return said.text.strip() if said.code == 0 and said.text.strip() else None

    def _api(self, path: str) -> Output:
        return self._run("api", f"--hostname={self._host}", f"repos/{self._repository}{path}")

    def _run(self, *arguments: str) -> Output:
        try:
            return run_program([self._program, *arguments], self._variables, self._git, SECONDS)
        except WorkspaceRefused as refused:
            if refused.code != "git_timeout":
                raise
            sentence = f"gh {arguments[0]} did not end in time."
            raise WorkspaceRefused("tracker_unavailable", sentence, AGAIN) from refused

    def _fine(self, what: str, said: Output) -> Output:
        if said.code == NOT_LOGGED_IN:
            raise WorkspaceRefused("tracker_access", f"gh has no login for {self._host}.", "gh auth login")
        if said.code != 0:
            detail = " ".join(said.error.splitlines()[-3:])[-600:] or f"exit code {said.code}"
            passing = any(word in detail for word in ("error connecting", "HTTP 5", "timeout", "rate limit"))
            code, hint = ("tracker_unavailable", AGAIN) if passing else ("tracker_refused", "")
            if "HTTP 401" in detail:
                code, hint = "tracker_access", "gh auth login"
            raise WorkspaceRefused(code, f"gh {what} failed: {detail}", hint)
        return said


def _is_gone(said: Output) -> bool:
    return said.code == 1 and any(f"(HTTP {code})" in said.error for code in _GONE)


def _object(said: Output) -> dict[str, Any]:
    found = _decoded(said)
    return found if isinstance(found, dict) else {}


def _objects(said: Output) -> list[dict[str, Any]]:
    found = _decoded(said)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _decoded(said: Output) -> Any:
    try:
        return msgspec.json.decode(said.out)
    except (msgspec.DecodeError, RecursionError) as cause:
        raise WorkspaceRefused("tracker_refused", "gh's answer is not understood.") from cause
