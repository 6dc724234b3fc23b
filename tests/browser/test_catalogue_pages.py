"""A81: usage, agents, and the logs and events of a session in a real Chromium; all else is real, agents scripted."""

import hashlib
import re
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import NARROW, Visitor
from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

FILE: Final = "---\nname: implementer\ndescription: Writes the code.\n---\nYou write code."
FORM: Final = {
    "type": "object",
    "required": ["change"],
    "properties": {
        "change": {"type": "string", "minLength": 3},
        "most": {"type": "integer", "maximum": 50, "default": 10},
        "paths": {"type": "array", "items": {"type": "string"}},
        "depth": {"enum": ["quick", "thorough"], "default": "quick"},
        "kinds": {"type": "array", "items": {"enum": ["bug", "style"]}},
        "target": {
            "type": "object",
            "required": ["host"],
            "properties": {"host": {"type": "string"}, "port": {"type": "integer", "default": 22}},
        },
    },
}
SERVERS: Final = {
    "tickets": {"url": "https://tickets.test/mcp", "headers": {"X-Agent-Session-Id": "${AGENT_SESSION_ID}"}}
}

KEYED: Final = {"keyed": {"url": "https://tickets.test/mcp", "headers": {"X-Key": "s3cr3t", "X-At": "${PROJECT_DIR}"}}}
PRINTING: Final = r"printf '\033[31mred\033[0m <script>alert(1)</script>\n' >&2; exit 3"


class Stage:
    """What cost something, agents of both kinds, and a command that prints and fails."""

    def __init__(self, world: World) -> None:
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        world.runner(self.coordinator, executors=("scripted", "command"), allow_shell=True)
        self.agent(name="helper", executor="scripted", permission_mode="full", mcp_servers=KEYED)
        self.agent(name="reviewer", executor="scripted", parameters_schema=FORM, mcp_servers=SERVERS, model="opus")
        self.agent(name="implementer", description="Hidden where the file is.")
        digest = hashlib.sha256(FILE.encode()).hexdigest()
        files = [{"path": ".callboard/agents/implementer.md", "sha256": digest, "text": FILE}]
        sent = {"scope": "project", "hostname": "build-7", "directory": "/srv/shop", "files": files}
        self.coordinator.http.put("/agents", json=sent).raise_for_status()
        budget = {"budget_microdollars": 5_000_000}
        self.dear = self.coordinator.completed("usage opus 100 10 20000", title="Dear <i>one</i>", agent_name="helper")
        again = self.coordinator.resume(self.dear.session_id, "usage opus 9000 900 4000000\nresult dear", model="opus")
        self.coordinator.ended(again.run_id)
        self.coordinator.completed("usage own 50 5 -", title="No known price", agent_name="helper")
        self.coordinator.completed("usage opus 1 1 1000000", title="With a budget", limits=budget)
        self.printing = self.coordinator.start_run(PRINTING, title="Prints", executor_type="command")
        self.coordinator.ended(self.printing.run_id)

    def agent(self, **fields: Any) -> None:
        self.coordinator.http.post("/agents", json=fields).raise_for_status()


@pytest.fixture(scope="module")
def stage(pages_world: World) -> Stage:
    """Return the stage of this file's tests."""
    return Stage(pages_world)


PAGES: Final = {
    "usage by runner": "/ui/usage?by=runner",
    "usage of a session": "/ui/usage?by=agent&in=agent%3Ahelper&session={stage.dear.session_id}",
    "agents": "/ui/agents",
    "an agent": "/ui/agents/reviewer",
    "its editor": "/ui/agents/reviewer?tab=edit",
    "its form": "/ui/agents/reviewer?tab=run",
    "settings": "/ui/sessions/{stage.dear.session_id}?view=config",
    "logs": "/ui/sessions/{stage.printing.session_id}?view=logs&wrap=off",
    "events": "/ui/sessions/{stage.printing.session_id}?view=events&event=3",
}


def test_a81_pages_of_usage_and_agents_are_clean_in_every_look(stage: Stage, visitor: Visitor) -> None:
    """A81: nothing serious for axe, no sideways scrolling, no word on the console."""
    page = visitor.log_in()
    for name, path in PAGES.items():
        visitor.go(path.format(stage=stage))
        expect(page.locator("main").get_by_text("Reading", exact=False)).to_have_count(0)
        assert visitor.faults_of_looks() == [], name
        assert not re.search(r"undefined|NaN|\[object", page.locator("main").inner_text()), name
    assert visitor.heard == []


def test_a81_a_total_leads_to_the_turn_that_caused_it_in_three_clicks(stage: Stage, visitor: Visitor) -> None:
    """D9, journey 7: agent, session, run, and there is its dearest turn; by keyboard and narrow from a runner, too."""
    (runner,) = stage.coordinator.http.get("/runners").json()["items"]
    page = visitor.log_in("/ui/usage?by=agent")
    expect(page.get_by_label("Total")).to_contain_text("$5.02+")
    expect(page.get_by_text("$1.00 of $5.00 (20 %)")).to_be_visible()
    page.get_by_role("link", name="helper").click()
    expect(page.get_by_role("row").filter(has_text="No known price").locator("td").last).to_have_text("\N{EN DASH}")
    page.get_by_role("link", name="Dear <i>one</i>").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("$4.00")
    page.get_by_role("link", name="Run 2", exact=True).click()
    page.wait_for_url(re.compile(rf"{stage.dear.session_id}\?event=\d+"))
    expect(page.get_by_role("article").filter(has_text="opus: 9k in, 900 out")).to_be_in_viewport()
    expect(page.get_by_role("article").filter(has_text="$4.00")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Budget in dollars")).to_be_visible()
    page.set_viewport_size(NARROW)
    visitor.go("/ui/usage?by=user&days=30")
    expect(page.get_by_role("row").nth(1)).to_contain_text("$5.02+")
    assert page.locator("table").evaluate("table => table.offsetWidth <= table.parentElement.clientWidth")
    for name in ("Runner", runner["name"] or runner["hostname"], "Dear <i>one</i>", "Run 2"):
        page.get_by_role("main").get_by_role("link", name=name, exact=True).press("Enter")
    page.wait_for_url(re.compile(rf"{stage.dear.session_id}\?event=\d+"))
    page.go_back()
    assert f"by=runner&days=30&in=runner%3A{runner['runner_id']}&session={stage.dear.session_id}" in page.url
    assert visitor.heard == []


def test_a81_an_agent_is_run_by_a_form_made_from_its_schema(stage: Stage, visitor: Visitor) -> None:
    """A14: what is missing is told before anything is sent, what does not fit at its field; then the session opens."""
    page = visitor.log_in("/ui/agents")
    page.get_by_role("link", name="Run reviewer").click()
    page.get_by_role("button", name="Start reviewer").click()
    expect(page.get_by_text("It is needed.")).to_be_visible()
    page.get_by_label("change").fill("main")
    page.get_by_label("most").fill("51")
    page.get_by_role("button", name="Start reviewer").click()
    expect(page.locator("[aria-invalid=true]")).to_have_value("51")
    page.get_by_label("most").fill("5")
    page.get_by_label("paths").fill("src\ntests")
    page.get_by_role("group", name="kinds").get_by_label("style").check()
    page.get_by_label("port").fill("8022")
    page.get_by_role("button", name="Start reviewer").click()
    expect(page.get_by_text("It is needed.")).to_be_visible()
    page.get_by_label("host").fill("build-7")
    page.get_by_role("button", name="Start reviewer").click()
    page.wait_for_url(re.compile("/ui/sessions/ses_"))
    made = stage.coordinator.http.get("/runs", params={"limit": 1}).json()["items"][0]
    assert made["parameters"] == {
        "change": "main", "most": 5, "paths": ["src", "tests"], "depth": "quick", "kinds": ["style"],
        "target": {"host": "build-7", "port": 8022},
    }  # fmt: skip
    assert [one for one in visitor.heard if "422" not in one] == []


def test_a81_an_agent_is_edited_and_whoever_was_slower_decides(stage: Stage, visitor: Visitor) -> None:
    """A wrong schema is told at its field; what is not saved outlives a reload; a conflict names what was changed."""
    page = visitor.log_in("/ui/agents/reviewer")
    expect(page.get_by_label("MCP servers")).to_contain_text("X-Agent-Session-Id")
    expect(page.get_by_label("MCP servers")).to_contain_text("${AGENT_SESSION_ID}")
    page.get_by_role("link", name="Edit", exact=True).click()
    be_told_and_mend(page)
    page.get_by_label("Headers").fill(
        "X-Agent-Session-Id: ${AGENT_SESSION_ID}\nAuthorization: Bearer ${CALLBOARD_TOKEN}"
    )
    agent = stage.coordinator.http.get("/agents/reviewer").json()
    names = ("executor", "parameters_schema", "mcp_servers")
    theirs = {name: agent[name] for name in names} | {"model": "haiku"}
    stage.coordinator.http.put("/agents/reviewer", json=theirs, headers={"If-Match": "*"}).raise_for_status()
    page.reload()
    expect(page.get_by_label("Headers")).to_have_value(re.compile("CALLBOARD_TOKEN"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody changed reviewer while you edited it.")).to_be_visible()
    expect(page.locator("form [role=alert]")).to_contain_text("Changed there: model.")
    expect(page.locator("form [role=alert]")).to_be_in_viewport()
    expect(page.locator("form [role=alert]")).to_be_focused()
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.get_by_text("reviewer is saved;", exact=False)).to_be_visible()
    saved = stage.coordinator.http.get("/agents/reviewer").json()
    assert saved["model"] == "opus"
    assert saved["mcp_servers"]["tickets"]["headers"]["Authorization"] == "Bearer ${CALLBOARD_TOKEN}"
    remove_and_make_anew(stage, page)
    visitor.go("/ui/agents/implementer?tab=edit")
    expect(page.get_by_text("It comes from a file, and is changed there.")).to_be_visible()
    expect(page.get_by_text(".callboard/agents/implementer.md")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    visitor.go("/ui/agents")
    hidden = page.get_by_role("listitem").filter(has_text="Hidden where the file is.")
    expect(hidden.get_by_text("In /srv/shop implementer means that of the project")).to_be_visible()
    hidden.get_by_role("link", name="implementer", exact=True).click()
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("Description")).to_have_value("Hidden where the file is.")


def be_told_and_mend(page: Page) -> None:
    """What is wrong is told at its field and to everybody, until it is mended."""
    schema = page.get_by_label("Schema of its result")
    schema.fill('{"type": "nothing"}')
    page.get_by_role("button", name="Save").click()
    expect(schema).to_have_attribute("aria-invalid", "true")
    expect(schema).to_be_focused()
    expect(page.get_by_role("button", name="Dismiss")).to_be_visible()
    schema.fill("")
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)


def remove_and_make_anew(stage: Stage, page: Page) -> None:
    """What is written outlives the agent that it was a change of, also over a reload."""
    stage.coordinator.http.delete("/agents/reviewer", headers={"If-Match": "*"}).raise_for_status()
    page.get_by_label("Description").fill("Written after its end.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody removed reviewer while you edited it.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove", exact=True)).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Make it anew with what is written").click()
    expect(page.get_by_role("button", name="Remove", exact=True)).to_be_visible()
    assert stage.coordinator.http.get("/agents/reviewer").json()["description"] == "Written after its end."


def test_s1_a_log_out_leaves_nothing_that_was_not_saved(visitor: Visitor) -> None:
    page = visitor.log_in("/ui/agents/reviewer?tab=edit")
    page.get_by_label("Headers").fill("Authorization: Bearer of-somebody")
    assert "of-somebody" in page.evaluate("JSON.stringify(sessionStorage)")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/ui/login"))
    assert "of-somebody" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_d4_what_was_printed_and_each_event_have_a_view_and_an_address(stage: Stage, visitor: Visitor) -> None:
    """D4: logs beside events, live; the arrows lead from tab to tab; each event is a link, its payload as it was."""
    page = visitor.log_in(f"/ui/sessions/{stage.printing.session_id}?view=logs")
    lines = page.get_by_role("feed", name="Log lines")
    expect(lines.get_by_text("red <script>alert(1)</script>", exact=True).first).to_be_visible()
    expect(lines.get_by_text("run ended: failed, exit code 3")).to_be_visible()
    page.get_by_label("Message").fill("echo of the second run >&2")
    page.get_by_role("button", name="Resume").click()
    expect(lines.get_by_text("of the second run", exact=True)).to_be_visible(timeout=20_000)
    page.get_by_label("Run", exact=True).select_option("Run 1")
    expect(lines.get_by_text("of the second run")).to_have_count(0)
    page.get_by_label("Filter lines").fill("RED <")
    expect(page.get_by_text("2 lines", exact=True)).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    assert " stderr red <script>" in saved.value.path().read_text(encoding="utf-8")
    page.get_by_role("link", name="Logs", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("group", name="Event types").get_by_role("button", name=re.compile("^output")).click()
    printed = page.get_by_role("feed", name="Events").get_by_role("article")
    expect(printed).to_have_count(2)
    printed.first.get_by_role("button").first.click()
    page.wait_for_url(re.compile(r"\?view=events&types=output&event=\d+$"))
    page.reload()
    printed.first.get_by_role("button").last.click()
    expect(printed.first.locator("pre")).to_contain_text(r'"text": "\u001b[31mred')
    assert visitor.heard == []


def test_d4_a_session_tells_with_what_each_run_was_begun(stage: Stage, visitor: Visitor) -> None:
    """D4: what differs from the first run is marked, the agent is that of the run, and no secret of it is sent."""
    page = visitor.log_in(f"/ui/sessions/{stage.dear.session_id}")
    with page.expect_response(re.compile("/runs/run_.*/agent$")) as told:
        page.get_by_role("link", name="Config").click()
    assert "s3cr3t" not in told.value.text()
    run = page.get_by_role("region", name="Run 2")
    expect(run.get_by_text("changed from run 1: left to the executor")).to_have_count(1)
    expect(run.get_by_role("link", name="helper")).to_have_attribute("href", "/ui/agents/helper")
    kept = page.get_by_role("region", name="The agent helper, as this run keeps it")
    expect(kept.get_by_text("X-At: ${PROJECT_DIR}")).to_be_visible()
    expect(kept.get_by_text("X-Key: \N{BULLET}\N{BULLET}\N{BULLET}")).to_be_visible()
    page.get_by_label("Run", exact=True).select_option(label="Run 1")
    expect(page.get_by_text("changed from run 1: ")).to_have_count(0)
    page.wait_for_url(re.compile(r"view=config&run=run_"))
    assert visitor.heard == []


def test_d9_money_moves_while_an_agent_spends_it(stage: Stage, pages_world: World, visitor: Visitor) -> None:
    """60: the marks of a budget are seen when they are passed, on the usage of the session, and in the list of all."""
    calls = f"usage large 1 1 300000\n{hold('more')}\nusage large 1 1 250000\n{hold('unpriced')}\nusage own 9 9 -\nhang"
    budget = {"budget_microdollars": 1_000_000}
    spending = stage.coordinator.start_run(calls, title="Spends", limits=budget)
    page = visitor.log_in("/ui/usage")
    expect(page.get_by_text("$0.30 of $1.00 (30 %)")).to_be_visible()
    pages_world.let_go("more")
    expect(page.get_by_text("$0.55 of $1.00 (55 %)")).to_be_visible()
    assert stage.coordinator.session(spending.session_id).status == "running"
    pages_world.let_go("unpriced")
    stage.coordinator.ended(spending.run_id)
    _keep_in_tokens(visitor, spending.session_id)
    _wait_without_money(visitor, spending.session_id)
    assert visitor.heard == []
    _raise_what_is_above(visitor)


def _keep_in_tokens(visitor: Visitor, session_id: str) -> None:
    """What dollars cannot keep is kept in tokens, by the form alone; what would stop what runs is asked first."""
    page = visitor.go(f"/ui/sessions/{session_id}")
    expect(page.locator("header").get_by_text("what the run used has no known price", exact=False)).to_be_visible()
    page.locator("header").get_by_role("link", name="Raise the budget", exact=False).click()
    page.wait_for_url(re.compile(f"/ui/usage.session={session_id}"))
    page.get_by_label("Budget in dollars").fill("2,50")
    expect(page.get_by_text("Dollars are written with a point: 2.50")).to_be_visible()
    page.get_by_label("Budget in dollars").fill("")
    page.get_by_label("Budget in tokens").fill("100 000")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("what it had stopped goes on", exact=False)).to_be_visible()
    expect(page.get_by_text("of 100k tokens", exact=False)).to_be_visible()
    expect(page.get_by_text("of $1.00", exact=False)).to_have_count(0)
    until(lambda: visitor.coordinator.session(session_id).status == "finished", 20, "what the budget had stopped")
    page.get_by_label("Budget in tokens").fill("1")
    page.get_by_role("button", name="Change").click()
    page.get_by_role("dialog").get_by_role("button", name="Lower it", exact=True).click()
    expect(page.get_by_text("of 1 tokens", exact=False)).to_be_visible()


def _wait_without_money(visitor: Visitor, session_id: str) -> None:
    """What is said to who has no money stands on the timeline with why; there and on Home is the way to raise it."""
    page = visitor.go(f"/ui/sessions/{session_id}")
    used_up = "The budget of this session is used up"
    page.get_by_label("Message").fill("say heard")
    page.get_by_role("button", name="Resume").click()
    waits = page.get_by_role("feed", name="Timeline").get_by_role("article").filter(has_text="say heard")
    expect(waits.get_by_text(used_up, exact=False)).to_be_visible()
    expect(page.locator("header").get_by_text(used_up, exact=False)).to_be_visible()
    expect(page.get_by_text("budget lowered from 100000 tokens to 1 tokens by", exact=False)).to_be_visible()
    waits.get_by_role("button", name="Remove").click()
    expect(waits).to_have_count(0)
    visitor.go("/ui/")
    row = page.get_by_role("listitem").filter(has_text="Spends")
    expect(page.get_by_role("link", name=re.compile("^Stopped Spends"))).to_be_visible()
    visitor.coordinator.resume(session_id, "say again")
    expect(page.get_by_role("link", name=re.compile("^Out of budget Spends"))).to_be_visible()
    expect(row.get_by_text(used_up, exact=False)).to_be_visible()
    page.reload()
    expect(row.get_by_text(used_up, exact=False)).to_be_visible()
    row.get_by_role("link", name="Raise the budget", exact=False).click()
    page.wait_for_url(re.compile(f"/ui/usage.session={session_id}"))


def _raise_what_is_above(visitor: Visitor) -> None:
    """A refused raise says how much it may be in all, by the name of the budget that has to be raised first."""
    start = visitor.coordinator.start_run
    lead = visitor.coordinator.completed("say led", title="Leads", limits={"budget_microdollars": 1_000_000})
    limits = {"budget_microdollars": 200_000}
    child = start("hang", title="Asks for more", parent_session_id=lead.session_id, limits=limits)
    page = visitor.go(f"/ui/usage?session={child.session_id}")
    page.get_by_label("Budget in dollars").fill("5")
    page.get_by_role("button", name="Change").click()
    refused = page.locator("form [role=alert]")
    expect(refused).to_contain_text("at most $1.00 in all: $0.00 of it is spent, and the budget of Leads above it")
    refused.get_by_role("link", name="raise that one first").click()
    page.wait_for_url(re.compile(f"/ui/usage.session={lead.session_id}"))
