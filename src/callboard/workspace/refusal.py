"""Why something cannot be done in a repository: a closed list of codes. Decides nothing."""

from typing import Final

REFUSALS: Final[dict[str, str]] = {
    "not_a_repository": "There is no git repository at the path.",
    "bare_repository": "The repository has no files to work on.",
    "empty_repository": "The repository has no commit to begin at.",
    "linked_worktree": "The path is a worktree or a submodule of another repository.",
    "detached_head": "The repository is on no branch, and no base was named.",
    "base_missing": "The branch to begin at is not in the repository.",
    "invalid_branch": "A name cannot be that of a branch.",
    "invalid_name": "A name cannot be that of a folder or a file.",
    "branch_exists": "A branch of this name is there already.",
    "branch_symbolic": "The branch is only another name for another ref; nothing is done through it.",
    "branch_broken": "git cannot read the branch.",
    "branch_in_use": "The branch is checked out in another worktree.",
    "path_taken": "Something is already where the worktree would be.",
    "outside_roots": "The path is outside the directories that this runner may work in.",
    "link_refused": "A symbolic link stands where a folder of ours is expected; links are never followed.",
    "repository_busy": "Another process works in the repository.",
    "git_missing": "There is no program `git`.",
    "git_failed": "git refused.",
    "git_timeout": "git took too long and was ended.",
    "disk_full": "There is no room on the disk.",
    "files_failed": "A file or folder could not be made, read or removed.",
    "interrupted": "The runner ended in the middle; nothing of it is left.",
    "not_a_worktree": "The path is no worktree of the repository.",
    "worktree_missing": "The folder of the worktree is not there any more.",
    "worktree_locked": "The worktree is locked.",
    "work_would_be_lost": "The worktree or its branch holds work that is nowhere else.",
    "work_kept": "The worktree holds work, so it was not undone.",
    "uncommitted_changes": "The worktree has changes that are not committed.",
    "wrong_branch": "The worktree is on another branch than the session's.",
    "nothing_to_ship": "The branch has no commit of its own.",
    "no_remote": "The repository has no remote `origin`.",
    "remote_refused": "The address of the remote is not one that is pushed to.",
    "push_rejected": "The remote did not take the branch.",
    "tracker_access": "The tracker cannot be asked without `gh` or a token.",
    "tracker_unavailable": "The tracker did not answer.",
    "tracker_refused": "The tracker refused.",
    "issue_author": "A stranger wrote the issue, and nobody has accepted its text as it is.",
    "issue_unknown": "The tracker has no issue of this number.",
    "job_unknown": "This runner does not know how to do that.",
    "runner_failed": "A defect of the runner; its log has the details.",
}
"""The closed list of codes with one sentence each; they are what a failed job says."""


MISSING_HINT: Final = "callboard delete REF --keep-branch, then callboard spawn NUMBER --reuse-branch"


class WorkspaceRefused(Exception):
    """Something cannot be done; nothing was lost. `hint` is the next step, where there is one."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        if code not in REFUSALS:
            raise ValueError(f"undocumented refusal {code!r}")
        self.code = code
        self.sentence = sentence
        self.hint = hint
