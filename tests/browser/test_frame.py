"""A81: around the pages in a real Chromium: finding, filtering, many tabs on one stream, places that are kept."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from callboard.wire.responses import RunCreated
from tests.browser.pages import LONG_TASKS, Visitor
from tests.support.coordinator import QUICK, Coordinator
from tests.support.repository import Repository
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

TABS: Final = 7
LINES: Final = 2_000
ROUNDS: Final = 3
FIRST_IN_SIGHT: Final = """() => {
  const feed = document.querySelector("[role=feed]");
  const top = feed.getBoundingClientRect().top;
  const items = [...feed.querySelectorAll("[role=article]")];
  const seen = items.filter((one) => one.getBoundingClientRect().bottom > top + 1);
  return Math.min(...seen.map((one) => Number(one.getAttribute("aria-posinset"))));
}"""
"""The place in the list of the first item in sight."""
MEANINGFUL: Final = """new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-row]")) return;
  observer.disconnect();
  requestAnimationFrame(() => { window.meaningful = performance.now(); });
}).observe(document, { childList: true, subtree: true });"""


class Stage:
    """A coordinator with a runner in a repository, a session that cost something, one that asks and one that works."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.repository = Repository(world.project)
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        self.runner = world.runner(self.coordinator, slots=12)
        self.done = self.begin("usage opus 30000 4000 2100000\nsay The test waits too briefly.\nresult ok", "Fix login")
        self.coordinator.ended(self.done.run_id)
        self.asking = self.begin("run psql -f 4.sql\nresult ok", "Add an index", permission_mode="ask")
        self.coordinator.until_event(self.asking, "approval_requested")
        talk = "\n".join(["say line"] * 80)
        self.live = self.begin(f"{talk}\n{hold('first')}\nsay after\n{hold('never')}", "Rewrite the cache")

    def begin(self, prompt: str, title: str, **fields: Any) -> RunCreated:
        return self.coordinator.start_run(prompt, title=title, **({"permission_mode": "full"} | fields))

    def spawned(self) -> tuple[str, Path]:
        """Work on an issue: its session, and its worktree."""
        http, (runner,) = self.coordinator.http, self.coordinator.http.get("/runners").json()["items"]
        place = {"hostname": runner["hostname"], "path": str(self.repository.path), "default_branch": "main"}
        project = http.post("/projects", json={"name": "shop"} | place).json()["project_id"]
        http.post(f"/projects/{project}/issues", json={"title": "Too slow"}).raise_for_status()
        made = http.post(f"/projects/{project}/spawn", json={"issues": [1]}).json()
        job = http.get(f"/jobs/{made['job_id']}/wait", params={"timeout": 20}).json()
        assert job["status"] == "done", job
        return made["session_id"], Path(job["answer"]["path"])


@pytest.fixture(scope="module")
def stage(pages_world: World) -> Stage:
    """Return the stage of this file's tests."""
    return Stage(pages_world)


@pytest.fixture
def visitor(stage: Stage, browser: Browser) -> Iterator[Visitor]:
    """Yield a person who has a window and is not logged in yet."""
    with Visitor(browser, stage.coordinator) as person:
        yield person


def test_a81_sessions_are_found_by_tokens_and_by_name_and_answered_without_being_opened(
    stage: Stage, visitor: Visitor
) -> None:
    """D11, D13, journey 4: the filter is in the address; Ctrl+K goes anywhere; Space answers where it stands."""
    page = visitor.log_in()
    rows = page.locator("[data-row]")
    expect(rows).to_have_count(3)
    expect(page.get_by_role("link", name="Approvals")).to_contain_text("1 wait for a decision")
    for text, names in (
        ("cost:>2", ["Fix login"]),
        ("state:blocked", ["Add an index"]),
        ("-state:done executor:scripted cache", ["Rewrite the cache"]),
    ):
        page.get_by_label("Filter sessions").fill(text)
        expect(rows).to_have_count(len(names))
        expect(rows.first).to_contain_text(names[0])
    expect(page.get_by_role("link", name="the same filter on all runs")).to_be_visible()
    page.get_by_role("button", name="Keep this filter").click()
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Filter sessions").fill("")
    page.get_by_role("list", name="Kept filters").get_by_text("-state:done").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Filter sessions").fill("colour:red")
    expect(page.get_by_text("is no filter", exact=False)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("fix log")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Fix login")
    assert visitor.complaints_of_axe() == []
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(stage.done.session_id))
    page.keyboard.press("g")
    page.keyboard.press("h")
    rows.filter(has_text="Add an index").focus()
    page.keyboard.press("Space")
    assert visitor.complaints_of_axe() == []
    page.get_by_role("button", name="Allow once").click()
    assert stage.coordinator.ended(stage.asking.run_id).reason is not None
    expect(page.get_by_role("link", name="Approvals")).not_to_contain_text("wait for a decision")
    assert visitor.heard == []


def test_a81_a_fork_goes_on_from_what_was_said(stage: Stage, visitor: Visitor) -> None:
    """60: begun from the palette; a session of its own that is told the first one's turns, bound as a fork."""
    page = visitor.log_in(f"/ui/sessions/{stage.done.session_id}")
    expect(page.get_by_text("context 34k (17 %)")).to_be_visible()
    page.get_by_role("link", name="Config").click()
    page.keyboard.press("f")
    expect(page.get_by_label("What it is to do")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.endswith("view=config"), "the way back closes the dialog, and leaves the page below as it is"
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("fork")
    page.keyboard.press("Enter")
    page.get_by_label("What it is to do").fill("say another way")
    page.get_by_role("button", name="Fork", exact=True).last.click()
    expect(page.get_by_role("heading", name="Fork of Fix login")).to_be_visible()
    expect(page.get_by_text("another way", exact=True).first).to_be_visible()
    expect(page.get_by_text("forked from", exact=False).first).to_be_visible()
    forked = page.url.rpartition("/")[2]
    assert [one.reason for one in stage.coordinator.bindings(forked)] == ["fork"]
    told = stage.coordinator.run(stage.coordinator.session(forked).latest_run_id or "").prompt or ""
    assert "usage opus 30000" in told
    page.go_back()
    expect(page.get_by_role("heading", name="Fix login", exact=True)).to_be_visible()
    assert visitor.heard == []


def test_d12_what_is_new_is_counted_and_the_place_is_kept(stage: Stage, visitor: Visitor) -> None:
    """D12: who has scrolled up is not moved, is told how much is new, and comes back to where he was."""
    page = visitor.log_in(f"/ui/sessions/{stage.live.session_id}")
    feed = page.get_by_role("feed")
    expect(page.get_by_text("line", exact=True).last).to_be_visible()
    feed.evaluate("(element) => { element.scrollTop = 2500; }")
    expect(page.get_by_role("button", name="to the end")).to_be_visible()
    before = _first_in_sight(page)
    (stage.world.project / "first").touch()
    expect(page.get_by_role("button", name=re.compile(r"\d+ new"))).to_be_visible()
    assert _first_in_sight(page) == before
    page.get_by_role("link", name="Callboard, home").click()
    expect(page.locator("[data-row]").first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="to the end")).to_be_visible()
    page.wait_for_function(f"(before) => ({FIRST_IN_SIGHT})() === before", arg=before)
    page.get_by_role("button", name="to the end").click()
    expect(page.get_by_text("after", exact=True).last).to_be_visible()
    assert visitor.heard == []


def _first_in_sight(page: Page) -> int:
    found: int = page.evaluate(FIRST_IN_SIGHT)
    return found


def test_d12_many_tabs_share_one_stream_and_each_hears_its_session(stage: Stage, visitor: Visitor) -> None:
    """D12: a browser has six connections for an address; seven tabs work, also when the one that leads closes."""
    visitor.log_in()
    made = [stage.begin(f"say begun\n{hold(f'tab-{n}')}\nsay heard", f"Tab {n}") for n in range(TABS)]
    pages = []
    for one in made:
        page = visitor.context.new_page()
        page.goto(f"{stage.coordinator.url}/ui/sessions/{one.session_id}")
        expect(page.get_by_text("begun", exact=True)).to_be_visible()
        pages.append(page)
    pages.pop().close()
    for number, page in enumerate(pages):
        (stage.world.project / f"tab-{number}").touch()
        expect(page.get_by_text("heard", exact=True).first).to_be_visible()
        expect(page.get_by_text("Live", exact=False).first).to_be_visible()
    (stage.world.project / f"tab-{TABS - 1}").touch()
    expect(visitor.page.get_by_role("link").filter(has_text="Tab 0").get_by_text("Finished")).to_be_visible()


def test_a81_a_diff_of_two_thousand_lines_is_scrolled_without_a_long_task(stage: Stage, visitor: Visitor) -> None:
    """D7: files and diff of a worktree; header with branch and worktree."""
    session_id, tree = stage.spawned()
    (tree / "long.txt").write_text("".join(f"line {n} of a long file\n" for n in range(LINES)), encoding="utf-8")
    page = visitor.log_in(f"/ui/sessions/{session_id}?view=changes")
    expect(page.get_by_text(f"+{LINES}").first).to_be_visible()
    expect(page.get_by_text("issue-1", exact=True).first).to_be_visible()
    page.evaluate(LONG_TASKS)
    feed = page.get_by_role("feed", name="Diff")
    longest = []
    for _ in range(ROUNDS):
        page.evaluate("window.longest = 0")
        for _ in range(10):
            feed.evaluate("(element) => { element.scrollTop = Math.random() * element.scrollHeight; }")
            page.wait_for_function("() => new Promise(requestAnimationFrame)")
        page.get_by_role("button", name="long.txt").click()
        longest.append(page.evaluate("window.longest"))
    assert min(longest) <= 100
    assert feed.get_by_role("article").count() < 200
    assert visitor.heard == []


def test_a81_the_first_sessions_are_seen_within_a_second(browser: Browser, stage: Stage) -> None:
    """60: the first meaningful paint on loopback, of a browser that has nothing yet; the best of a few."""
    seen = []
    for _ in range(ROUNDS):
        with Visitor(browser, stage.coordinator, script=MEANINGFUL) as person:
            person.log_in()
            expect(person.page.locator("[data-row]").first).to_be_visible()
            person.page.wait_for_function("() => window.meaningful")
            seen.append(person.page.evaluate("window.meaningful"))
    assert min(seen) <= 1_000, seen


def test_a81_a_page_that_is_wanted_while_the_coordinator_is_away_comes_when_it_is_back(
    stage: Stage, visitor: Visitor
) -> None:
    """D12: parts of the pages are loaded when they are wanted; a tab with a removed session holds up no other."""
    page = visitor.log_in()
    removed = stage.coordinator.completed("say removed")
    other = visitor.context.new_page()
    other.goto(f"{stage.coordinator.url}/ui/sessions/{removed.session_id}")
    expect(other.get_by_text("removed", exact=True).first).to_be_visible()
    stage.coordinator.http.delete(f"/sessions/{removed.session_id}").raise_for_status()
    stage.coordinator.kill()
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_text("Offline since", exact=False)).to_be_visible()
    stage.coordinator.restart()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Live", exact=False).first).to_be_visible(timeout=15_000)
