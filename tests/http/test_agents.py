"""The routes of agents: ETags, what a stale or blind change gets, and who may see and write."""

from typing import Any

import pytest

from tests.http.world import Coordinator, sha256

AGENT: dict[str, Any] = {"name": "reviewer", "system_prompt": "You review.", "model": "small", "tools": ["Read"]}


def make(coordinator: Coordinator, name: str, **fields: Any) -> Any:
    """POST /agents."""
    return coordinator.call("POST", "/agents", AGENT | {"name": name} | fields)


def test_an_agent_is_made_shown_changed_and_removed(coordinator: Coordinator) -> None:
    made = make(coordinator, "life")
    etag = made.headers["etag"]
    assert (made.status_code, made.json()["system_prompt"], made.json()["read_only"]) == (201, "You review.", False)
    shown = coordinator.call("GET", "/agents/life")
    assert (shown.headers["etag"], shown.json()) == (etag, made.json())
    changed = coordinator.call("PUT", "/agents/life", {"model": "big"}, headers={"If-Match": etag})
    assert (changed.json()["model"], changed.json()["system_prompt"], changed.headers["etag"] == etag) == (
        "big",
        "",
        False,
    )
    for method, body in (("PUT", {"model": "small"}), ("DELETE", None)):
        stale = coordinator.call(method, "/agents/life", body, headers={"If-Match": etag})
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
        blind = coordinator.call(method, "/agents/life", body)
        assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
        weak = coordinator.call(method, "/agents/life", body, headers={"If-Match": f"W/{changed.headers['etag']}"})
        assert weak.status_code == 412
    gone = coordinator.call("DELETE", "/agents/life", headers={"If-Match": f'"x", {changed.headers["etag"]}'})
    assert gone.status_code == 204
    assert coordinator.call("GET", "/agents/life").json()["code"] == "agent_not_found"


def test_r6_the_same_key_makes_one_agent(coordinator: Coordinator) -> None:
    key = {"Idempotency-Key": "agent-1"}
    first = coordinator.call("POST", "/agents", AGENT | {"name": "once"}, headers=key)
    again = coordinator.call("POST", "/agents", AGENT | {"name": "once"}, headers=key)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert make(coordinator, "once").json()["code"] == "agent_exists"


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"name": "../etc/passwd"}, "invalid_request", "/name"),
        ({"name": "a/b"}, "invalid_request", "/name"),
        ({"name": ""}, "invalid_request", "/name"),
        ({"name": "a\n"}, "invalid_agent", "/name"),
        ({"colour": "red"}, "invalid_request", "/colour"),
        ({"permission_mode": "god"}, "invalid_request", "/permission_mode"),
        ({"limits": {"max_turns": -1}}, "invalid_request", "/limits/max_turns"),
        ({"parameters_schema": {"type": "array"}}, "invalid_agent", "/parameters_schema/type"),
        ({"output_schema": {"type": "number-ish"}}, "invalid_schema", "/output_schema/type"),
        ({"output_schema": {"$ref": "#"}}, "invalid_schema", "/output_schema/$ref"),
        ({"output_schema": {"$ref": "http://127.0.0.1:1/x"}}, "invalid_schema", "/output_schema/$ref"),
        ({"output_schema": {"$schema": "http://127.0.0.1:1/x"}}, "invalid_schema", "/output_schema/$schema"),
        ({"mcp_servers": {"x": {}}}, "invalid_agent", "/mcp_servers/x"),
    ],
)
def test_what_cannot_be_an_agent_is_refused_with_its_place(
    coordinator: Coordinator, fields: dict[str, Any], code: str, pointer: str
) -> None:
    refused = coordinator.call("POST", "/agents", AGENT | {"name": "bad"} | fields)
    assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    if pointer == "/permission_mode":
        assert "it is one of ask, edit, full, read_only" in refused.json()["detail"]
    assert coordinator.call("GET", "/agents/bad").status_code == 404


def test_s6_agents_list_and_show_agents_and_change_none(coordinator: Coordinator) -> None:
    make(coordinator, "seen")
    session = coordinator.register("agents").begin().session_token
    reader = coordinator.make_token("read_only")["token"]
    for token in (session, reader):
        names = [one["name"] for one in coordinator.done("GET", "/agents?limit=200", token=token)["items"]]
        assert "seen" in names
        assert coordinator.done("GET", "/agents/seen", token=token)["model"] == "small"
        for method, path, body in (
            ("POST", "/agents", AGENT),
            ("PUT", "/agents/seen", {}),
            ("DELETE", "/agents/seen", None),
            ("PUT", "/agents", {"scope": "user", "hostname": "x", "directory": "/x", "files": []}),
        ):
            refused = coordinator.call(method, path, body, token=token, headers={"If-Match": "*"})
            assert refused.status_code == 403, path


def test_a_name_that_is_no_plain_word_means_no_agent(coordinator: Coordinator) -> None:
    for path in ("/agents/..%2Fetc", "/agents/%00", "/agents/a.b", "/agents/" + "x" * 65):
        assert coordinator.call("GET", path).status_code == 404


def test_files_of_a_runners_directory_are_told_by_hash_first(coordinator: Coordinator) -> None:
    """40: a file that is known is not sent again; a runner speaks for its own directories alone."""
    runner = coordinator.register("files")
    text = "---\nname: filed\nmodel: small\n---\nx\n"
    known = {"path": ".callboard/agents/filed.md", "sha256": sha256(text)}
    body = {"scope": "project", "hostname": "here", "directory": "/srv/project", "files": [known]}

    def put(**changes: Any) -> Any:
        return coordinator.call("PUT", "/agents", body | changes, token=runner.credential)

    assert put().json()["wanted"] == [known["path"]]
    assert put(files=[known | {"text": text}]).json()["stored"] == ["filed"]
    again = put().json()
    assert (again["wanted"], again["unchanged"]) == ([], 1)
    for elsewhere in ({"directory": "/etc"}, {"hostname": "there"}):
        assert put(**elsewhere).status_code == 403
    changed = coordinator.call("PUT", "/agents/filed", {}, headers={"If-Match": "*"})
    assert (changed.status_code, changed.json()["code"]) == (409, "agent_read_only")
    assert put(files=[]).json()["removed"] == ["filed"]
    assert coordinator.call("GET", "/agents/filed").status_code == 404


SECRET: str = "s3cr3t-0123456789"
SERVERS: dict[str, Any] = {
    "far": {
        "url": f"https://me:{SECRET}@far.test:8443/mcp/{SECRET}/lettersalone/v2?key={SECRET}&at=${{PROJECT_DIR}}",
        "headers": {
            "Authorization": "Bearer ${CALLBOARD_TOKEN}",
            "X-Key": SECRET,
            "X-Both": f"${{AGENT_SESSION_ID}}:{SECRET}",
        },
    },
    "near": {"command": "/opt/mcp", "args": ["--key", SECRET], "env": {"KEY": SECRET}},
}


def test_d4_a_run_shows_the_agent_that_it_keeps_without_a_secret(coordinator: Coordinator) -> None:
    """D4, S6: later edits change nothing in it; values that are no template are hidden; agents do not ask for it."""
    etag = make(coordinator, "kept", executor="scripted", mcp_servers=SERVERS).headers["etag"]
    asked = {"type": "start_session", "prompt": "say x", "agent_name": "kept"}
    run_id = coordinator.done("POST", "/runs", asked)["run_id"]
    coordinator.call("PUT", "/agents/kept", {"model": "big"}, headers={"If-Match": etag}).raise_for_status()
    answer = coordinator.call("GET", f"/runs/{run_id}/agent")
    shown = answer.json()
    assert (shown["model"], shown["system_prompt"], shown["etag"]) == ("small", "You review.", etag.strip('"'))
    far, near = shown["mcp_servers"]
    hidden = "\N{BULLET}" * 3
    assert far["url"] == f"https://{hidden}@far.test:8443/mcp/{hidden}/{hidden}/v2?key={hidden}&at=${{PROJECT_DIR}}"
    assert far["headers"] == {
        "Authorization": "Bearer ${CALLBOARD_TOKEN}",
        "X-Key": hidden,
        "X-Both": f"${{AGENT_SESSION_ID}}{hidden}",
    }
    assert (near["command"], near["argument_count"], near["environment"]) == ("/opt/mcp", 2, ["KEY"])
    assert SECRET not in answer.text
    session = coordinator.register("kept-agents").begin().session_token
    assert coordinator.call("GET", f"/runs/{run_id}/agent", token=session).status_code == 403
    plain = coordinator.done("POST", "/runs", {"type": "start_session", "prompt": "say x", "executor_type": "scripted"})
    missing = coordinator.call("GET", f"/runs/{plain['run_id']}/agent")
    assert (missing.status_code, missing.json()["code"]) == (404, "agent_not_found")


def test_s6_what_an_agents_servers_are_reached_with_is_told_to_who_may_change_it(coordinator: Coordinator) -> None:
    """S6: agents, readers and people of one project see everything of an agent of all but its secrets."""
    place = {"name": "elsewhere", "hostname": "here", "path": "/srv/elsewhere"}
    make(coordinator, "secretive", mcp_servers=SERVERS)
    narrowed = {"project_id": coordinator.done("POST", "/projects", place)["project_id"]}
    others = [coordinator.make_token(kind, **more)["token"] for kind, more in (("read_only", {}), ("user", narrowed))]
    others.append(coordinator.register("secretive").begin().session_token)
    for token in others:
        shown = coordinator.call("GET", "/agents/secretive", token=token)
        assert (shown.status_code, SECRET in shown.text) == (200, False)
        assert shown.json()["mcp_servers"]["far"]["headers"]["Authorization"] == "Bearer ${CALLBOARD_TOKEN}"
    for token in (coordinator.make_token("user")["token"], "owner"):
        assert coordinator.done("GET", "/agents/secretive", token=token)["mcp_servers"] == SERVERS
