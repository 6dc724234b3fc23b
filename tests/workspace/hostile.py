"""Makes a repository hostile: everything in it that git would execute leaves a canary."""

import os
from pathlib import Path

from tests.workspace.place import Place

HOOKS = (
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "pre-push",
    "pre-commit",
    "post-merge",
    "pre-auto-gc",
    "fsmonitor-watchman",
)
ODD_BRANCHES = ("--lock", "-b", "$(touch canary)", "HEAD")
CONFIG = """
[core]
    hooksPath = {hooks}
    fsmonitor = {trap} fsmonitor
    sshCommand = {trap} ssh
    askPass = {trap}
    pager = {trap} pager
    editor = {trap} editor
    alternateRefsCommand = {trap} alternates
    gitProxy = {trap} proxy
    attributesFile = {attributes}
[filter "evil"]
    clean = {trap} clean
    smudge = {trap} smudge
    process = {trap} process
    required = true
[diff]
    external = {trap} external
[diff "evil"]
    command = {trap} command
    textconv = {trap} textconv
[merge "evil"]
    driver = {trap} merge
[credential]
    helper = !{trap} credential
[credential "http://127.0.0.1"]
    helper = !{trap} credential
[gpg]
    program = {trap}
[push]
    gpgSign = if-asked
[uploadpack]
    packObjectsHook = {trap} pack
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[url "ext::{trap} %S "]
    insteadOf = http://
[submodule]
    recurse = true
[status]
    submoduleSummary = true
[diff]
    submodule = log
[remote "origin"]
    uploadpack = {trap} uploadpack
    receivepack = {trap} receivepack
    promisor = true
    vcs = evil
[extensions]
    worktreeConfig = true
[alias]
    status = !{trap} alias
"""
ATTRIBUTES = "* filter=evil diff=evil merge=evil\n"


class Hostile:
    """Traps in the repository of a place. `outside` is what its links lead to."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.canary = place.folder / "canary"
        self.outside = place.folder / "outside"
        self.outside.mkdir()
        (self.outside / "precious").write_text("keep\n")
        self.trap = place.folder / "trap"
        self.trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.canary}\n')
        self.trap.chmod(0o755)
        self._content()
        self._refs()
        self._configuration(place.path / ".git")

    def _content(self) -> None:
        """What is committed: attributes, links, a submodule with a configuration of its own."""
        place = self.place
        inner = place.folder / "inner"
        inner.mkdir()
        place.git("init", "--quiet", "--initial-branch=main", at=inner)
        place.commit("inside", "x", at=inner)
        place.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "module")
        (place.path / "link").symlink_to(self.outside)
        (place.path / "dangling").symlink_to("/nowhere")
        (place.path / ".gitattributes").write_text(ATTRIBUTES)
        place.git("add", "link", "dangling", ".gitattributes")
        place.git("commit", "--quiet", "-m", "everything")

    def _refs(self) -> None:
        """Names that git may take for something else."""
        place = self.place
        head = place.git("rev-parse", "HEAD")
        first = place.git("rev-list", "--max-parents=0", "HEAD")
        place.git("tag", "issue-42", first)
        place.git("tag", "main", first)
        heads = place.path / ".git" / "refs" / "heads"
        for name in ODD_BRANCHES:
            (heads / name).write_text(head + "\n")
        place.git("replace", head, first)

    def _configuration(self, git_dir: Path) -> None:
        hooks = self.place.folder / "hooks"
        hooks.mkdir()
        for folder in (hooks, git_dir / "hooks"):
            folder.mkdir(exist_ok=True)
            for name in HOOKS:
                (folder / name).write_bytes(self.trap.read_bytes())
                (folder / name).chmod(0o755)
        attributes = self.place.folder / "attributes"
        attributes.write_text(ATTRIBUTES)
        text = CONFIG.format(hooks=hooks, trap=self.trap, attributes=attributes)
        (self.place.folder / "included").write_text(text)
        for config in (git_dir / "config", git_dir / "modules" / "module" / "config"):
            with config.open("a") as opened:
                opened.write(f"{text}\n[include]\n    path = {self.place.folder / 'included'}\n")
        (git_dir / "info").mkdir(exist_ok=True)
        (git_dir / "info" / "attributes").write_text(ATTRIBUTES)

    def in_worktree(self) -> None:
        """What a worker adds: a submodule's files, links, a repository in the repository, a pipe."""
        tree = self.place.worktree
        (tree / "readme").write_text("changed\n")
        (tree / "new").write_text("new\n")
        (tree / "away").symlink_to(self.outside)
        os.mkfifo(tree / "pipe")
        nested = tree / "nested"
        nested.mkdir()
        (nested / ".git").symlink_to(self.place.path / ".git")
        module = tree / "module"
        (module / ".git").write_text(f"gitdir: {self.place.path}/.git/modules/module\n")
        (module / "file").write_text("x")

    def caught(self) -> str:
        """What was executed."""
        return self.canary.read_text() if self.canary.exists() else ""
