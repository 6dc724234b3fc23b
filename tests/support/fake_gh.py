"""A program `gh`: the commands and flags that the real one takes, its refusals and its exit codes; the rest is refused.

Its login and the API that it asks stand in gh.json beside it. It is never asked anything on a terminal.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

FIELDS = {"number", "title", "body", "state", "url", "author", "labels", "comments"}
FLAGS = {
    ("api",): {"hostname", "method", "header", "field", "raw-field", "jq", "paginate", "include", "silent", "cache"},
    ("issue", "list"): {"repo", "json", "state", "limit", "label", "assignee", "search", "jq", "template"},
    ("pr", "list"): {"repo", "json", "state", "limit", "head", "base", "draft", "search", "jq", "template"},
    ("pr", "create"): {"repo", "title", "body", "body-file", "base", "head", "draft", "fill", "label", "reviewer"},
    ("auth", "token"): {"hostname", "user"},
}
BOOLEAN = {"draft", "fill", "paginate", "include", "silent"}
LOGIN = json.loads(Path(__file__).with_name("gh.json").read_text())


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End as the real one does."""
    sys.stderr.write(sentence + "\n")
    sys.exit(code)


def parsed(known: set[str], words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Flags and arguments; a flag that is not known ends the program."""
    flags: dict[str, str] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            rest.append(word)
            continue
        name, given, value = word.lstrip("-").partition("=")
        if name not in known or not word.startswith("--"):
            fail(f"unknown flag: {word}")
        flags[name] = "true" if name in BOOLEAN else value if given else next(left)
    return flags, rest


def ask(method: str, path: str, body: object = None, what: str = "") -> Any:
    """What the API says; an HTTP error ends the program."""
    request = urllib.request.Request(  # noqa: S310
        LOGIN["api"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {LOGIN['token']}"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = json.load(error)
        if what == "api":
            sys.stdout.write(json.dumps(said))
            fail(f"gh: {said.get('message')} (HTTP {error.code})")
        fail(f"HTTP {error.code}: {said.get('message')} {said.get('errors', '')}")


def shown(flags: dict[str, str], found: dict[str, Any]) -> dict[str, Any]:
    """The fields that were asked for, as the real one writes them."""
    whole = found | {"url": found.get("html_url"), "state": str(found["state"]).upper(), "body": found["body"] or ""}
    return {name: whole[name] for name in flags["json"].split(",")}


def main() -> None:
    """Do what was asked."""
    command = tuple(sys.argv[1 : 2 if sys.argv[1:2] == ["api"] else 3])
    if command not in FLAGS:
        fail(f'unknown command "{" ".join(command)}" for "gh"')
    flags, rest = parsed(FLAGS[command], sys.argv[1 + len(command) :])
    if os.environ.get("GH_PROMPT_DISABLED") is None or os.environ.get("GIT_DIR"):
        fail("this gh is not started as it should be")
    if not LOGIN["token"]:
        if command == ("auth", "token"):
            fail("no oauth token found")
        fail("To get started with GitHub CLI, please run:  gh auth login", 4)
    if command == ("auth", "token"):
        sys.stdout.write(LOGIN["token"] + "\n")
        return
    if command == ("api",):
        if flags.get("hostname", "github.com") != LOGIN["host"]:
            fail("To get started with GitHub CLI, please run:  gh auth login", 4)
        sys.stdout.write(json.dumps(ask("GET", f"/{rest[0]}", what="api")))
        return
    if set(flags.get("json", "number").split(",")) - FIELDS:
        fail(f"Unknown JSON field: {flags['json']}")
    host = flags.get("repo", "").rpartition("/")[0].rpartition("/")[0]
    if host != LOGIN["host"]:
        fail("fatal: not a git repository (or any of the parent directories): .git")
    run(command, flags, "/repos/" + flags["repo"].removeprefix(host + "/"))


def run(command: tuple[str, ...], flags: dict[str, str], repository: str) -> None:
    """One command on a repository."""
    state = flags.get("state", "open")
    if command == ("issue", "list"):
        listed = ask("GET", f"{repository}/issues?state={state}&per_page=1000")
        found = [one for one in listed if "pull_request" not in one][: int(flags.get("limit", "30"))]
        sys.stdout.write(json.dumps([shown(flags, one) for one in found]))
    elif command == ("pr", "list"):
        head = urllib.parse.quote(f"*:{flags['head']}")  # of whichever owner
        found = ask("GET", f"{repository}/pulls?state={state}&head={head}")
        sys.stdout.write(json.dumps([shown(flags, one) for one in found]))
    else:
        if "fill" not in flags and not {"title", "body"} <= set(flags):
            fail("must provide `--title` and `--body` (or `--fill` ...) when not running interactively")
        if "head" not in flags:
            fail("aborted: you must first push the current branch to a remote, or use the --head flag")
        asked = {name: flags[name] for name in ("title", "body", "base", "head")} | {"draft": "draft" in flags}
        sys.stdout.write(ask("POST", f"{repository}/pulls", asked)["html_url"] + "\n")


main()
