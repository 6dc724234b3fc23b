"""How GitHub is reached from this machine: by its program `gh`, or by its API with a token of the runner's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from callboard.workspace.git import Git, find_program
from callboard.workspace.github_api import API_URL, GitHubApi
from callboard.workspace.github_program import GitHubProgram
from callboard.workspace.names import host_and_repository
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.tracker import Tracker

GITHUB: Final = "github.com"
MAX_TOKEN_BYTES: Final = 4096
TOKEN_VARIABLES: Final = ("GH_TOKEN", "GITHUB_TOKEN")


@dataclass(frozen=True, kw_only=True)
class GitHubAccess:
    """How this machine reaches GitHub: only by what the runner was told and by its own environment."""

    program: str | None = None
    """Of `gh`; None: the one on the PATH, if there is one."""
    token_file: Path | None = None
    """A token for the API; it outweighs `gh`."""
    api_url: str | None = None
    """None: that of github.com. Repositories of its host are trusted with the token, others are not."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def host(self) -> str:
        """The host whose repositories may be asked for."""
        host = urlsplit(self.api_url).netloc if self.api_url else GITHUB
        return GITHUB if host == f"api.{GITHUB}" else host

    def tracker(self, git: Git, remote_url: str) -> Tracker:
        """The tracker of a repository. Raises `tracker_access` when it cannot be asked from here."""
        found = host_and_repository(remote_url)
        if found is None or found[0] != self.host:
            where = found[0] if found else remote_url
            sentence = f"The remote is on {where}, and this runner has access to {self.host} only."
            raise WorkspaceRefused("tracker_access", sentence, "[runner] github_api_url names another host.")
        token = self._token_of_file()
        program = find_program(self.program or "gh", self.environment)
        if token is None and program is not None:
            return GitHubProgram(git, program, self.environment, *found)
        token = token or next((self.environment[name] for name in TOKEN_VARIABLES if self.environment.get(name)), None)
        if token is None:
            hint = "Install gh and run `gh auth login`, or set [runner] github_token_file."
            raise WorkspaceRefused("tracker_access", "There is neither the program gh nor a token for GitHub.", hint)
        return GitHubApi(self.api_url or API_URL, token, found[1])

    def _token_of_file(self) -> str | None:
        if self.token_file is None:
            return None
        try:
            with self.token_file.open(encoding="ascii") as opened:
                return opened.read(MAX_TOKEN_BYTES).strip() or None
        except (OSError, UnicodeDecodeError) as cause:
            raise WorkspaceRefused("tracker_access", f"{self.token_file} cannot be read: {cause}.") from cause
