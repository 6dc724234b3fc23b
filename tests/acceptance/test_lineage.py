"""Lineage: who started a session is proven by its token, and the tree shows it."""

import sys

import pytest

from callboard.client.calls import runs, sessions
from tests.acceptance.conftest import Stage
from tests.support.coordinator import until
from tests.support.world import hold

CALLBOARD = f"{sys.executable} -m callboard"


def test_a22_what_a_person_started_has_no_parent(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.completed("say alone")
    session = coordinator.session(run.session_id)
    assert (session.parent_session_id, session.root_session_id, session.depth) == (None, run.session_id, 0)
    by_command = stage.callboard("run", "say alone", "--json")
    assert coordinator.session(by_command.value["session_id"]).parent_session_id is None
    assert run.trigger == "user"


@pytest.mark.parametrize("how", ["body", "header", "environment", "option"])
def test_a23_the_parent_is_in_both_reads(stage: Stage, how: str) -> None:
    """A23: a person names the parent in the body, by header, or by the command line's environment or option."""
    coordinator = stage.coordinator
    parent = coordinator.completed("say parent").session_id
    order = {"type": "start_session", "prompt": "say child"}
    if how == "body":
        child = coordinator.http.post("/runs", json=order | {"parent_session_id": parent}).json()["session_id"]
    elif how == "header":
        child = coordinator.http.post("/runs", json=order, headers={"X-Agent-Session-Id": parent}).json()["session_id"]
    elif how == "environment":
        child = stage.callboard("run", "say child", "-q", AGENT_SESSION_ID=parent).out.strip()
    else:
        child = stage.callboard("run", "say child", "-q", "--parent", parent[-12:]).out.strip()
    shown = coordinator.session(child)
    assert (shown.parent_session_id, shown.root_session_id, shown.depth) == (parent, parent, 1)
    (listed,) = coordinator.client.send(sessions.list_(parent_session_id=parent)).items
    assert (listed.session_id, listed.parent_session_id) == (child, parent)
    assert coordinator.session(parent).children.total == 1


def test_a23_the_parent_is_proven_by_the_token_and_cannot_be_forged(stage: Stage) -> None:
    """A23: a session's own token decides; another parent in body, header or environment is refused."""
    coordinator, project = stage.coordinator, stage.world.project
    stranger = coordinator.completed("say stranger").session_id
    created = coordinator.start_run(f'run printf %s "$CALLBOARD_TOKEN" > its-token\n{hold("token-used")}')
    coordinator.until_event(created, "pre_tool", tool_input={"command": hold("token-used")[4:]})
    token = (project / "its-token").read_text(encoding="ascii")
    order = {"type": "start_session", "prompt": "say child", "executor_type": "scripted"}
    with coordinator.with_token(token) as its:
        forged = [
            its.post("/runs", json=order | {"parent_session_id": stranger}),
            its.post("/runs", json=order, headers={"X-Agent-Session-Id": stranger}),
        ]
        assert [(one.status_code, one.json()["code"]) for one in forged] == [(403, "foreign_parent")] * 2
        assert coordinator.session(created.session_id).children.total == 0
        mine = its.post("/runs", json=order)
        assert mine.status_code == 201, mine.text
        assert its.get(f"/sessions/{stranger}").status_code == 404
        assert its.get(f"/sessions/{mine.json()['session_id']}").status_code == 200
    assert coordinator.session(mine.json()["session_id"]).parent_session_id == created.session_id
    child = coordinator.ended(mine.json()["run_id"])
    assert child.trigger == "agent"

    stage.world.let_go("token-used")
    coordinator.ended(created.run_id)
    with coordinator.with_token(token) as its:
        dead = its.post("/runs", json=order)
    assert (dead.status_code, dead.json()["code"]) == (401, "unauthenticated")


def test_a24_three_levels_of_agents_that_start_agents(stage: Stage) -> None:
    """A24: each agent starts the next one by the command line, with nothing but its environment."""
    coordinator, project = stage.coordinator, stage.world.project
    for level in (1, 2):
        start = f"run {CALLBOARD} run - --executor scripted --wait < level-{level + 1}"
        (project / f"level-{level}").write_text(f"{start}\nsay level {level}", encoding="utf-8")
    (project / "level-3").write_text("usage small 1 1 10\nsay level 3", encoding="utf-8")
    top = coordinator.completed((project / "level-1").read_text(encoding="utf-8"), limits={"timeout_seconds": 40})

    tree = coordinator.client.send(sessions.tree(top.session_id))
    assert [node.depth for node in tree.nodes] == [0, 1, 2]
    assert [node.parent_session_id for node in tree.nodes] == [None, *(node.session_id for node in tree.nodes[:2])]
    assert {coordinator.session(node.session_id).root_session_id for node in tree.nodes} == {top.session_id}
    assert [coordinator.said(node.session_id)[-1] for node in tree.nodes] == ["level 1", "level 2", "level 3"]
    assert [node.usage_self.cost_microdollars or 0 for node in tree.nodes] == [0, 0, 10]
    assert [node.usage_subtree.cost_microdollars for node in tree.nodes] == [10, 10, 10]
    below = coordinator.client.send(sessions.list_(root_session_id=top.session_id)).items
    assert {one.session_id for one in below} == {node.session_id for node in tree.nodes}
    triggers = [coordinator.client.send(sessions.runs(node.session_id)).items[0].trigger for node in tree.nodes]
    assert triggers == ["user", "agent", "agent"]
    shown = stage.callboard("tree", top.session_id)
    assert [line[-6:] in shown.out for line in (node.session_id for node in tree.nodes)] == [True] * 3


def test_a24_a_tree_is_stopped_from_its_leaves(stage: Stage) -> None:
    """A24: stop of the subtree reaches every level, and no new child comes."""
    coordinator, project = stage.coordinator, stage.world.project
    (project / "leaf").write_text("hang", encoding="utf-8")
    top = coordinator.start_run(f"run {CALLBOARD} run - --executor scripted -q < leaf\nhang")
    until(lambda: coordinator.session(top.session_id).children.total == 1, 20, "a child")
    (leaf,) = coordinator.client.send(sessions.list_(parent_session_id=top.session_id)).items
    assert leaf.latest_run_id is not None
    until(lambda: coordinator.session(leaf.session_id).status == "running", 20, "the child at work")
    reader = coordinator.stream(root_session_id=top.session_id, types="stop_requested")
    stopped = coordinator.http.post(f"/sessions/{top.session_id}/stop", json={"subtree": True})
    assert stopped.status_code == 200, stopped.text
    ends = [coordinator.ended(run_id) for run_id in (leaf.latest_run_id, top.run_id)]
    assert [(end.status, end.reason) for end in ends] == [("stopped", "stopped")] * 2
    reader.until_count(2)
    assert [event["session_id"] for event in reader.events] == [leaf.session_id, top.session_id]
    assert coordinator.client.send(runs.why(leaf.latest_run_id)).sentence == "The tree that it belongs to was stopped."


def test_the_tree_on_the_terminal_shows_what_each_used_and_what_all_below_it_did(stage: Stage) -> None:
    """A24: tokens and cost roll up; a session with children says what it used itself."""
    coordinator = stage.coordinator
    top = coordinator.completed("usage large 100 10 2000").session_id
    below = coordinator.completed("usage small 50 5 1000", parent_session_id=top).session_id
    lines = stage.callboard("tree", top).out.splitlines()
    assert lines[0].startswith(top)
    assert lines[0].endswith("150 tokens in, 15 out, 2 turns, $0.0030 (itself $0.0020)")
    assert below in lines[1]
    assert lines[1].endswith("50 tokens in, 5 out, 1 turns, $0.0010")
