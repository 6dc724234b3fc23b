"""A81: trees, the queue and the runners in a real Chromium, with a real coordinator, runner and scripted agents."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from callboard.wire.responses import RunCreated
from tests.browser.pages import LONG_TASKS, Visitor
from tests.support.coordinator import Coordinator
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

LARGE: Final = 1_000
BRANCHES: Final = 20
ROUNDS: Final = 3
NOWHERE: Final = {"tags": ["gpu"]}
LIMITS: Final = {"children_per_session": LARGE, "sessions_per_root": LARGE, "lost_runner_seconds": 60}
UNKNOWN: Final = "\N{EN DASH}"
SELECTED: Final = "[role=treeitem][aria-selected=true]"


class Stage:
    """A lead whose grandchild asks and whose child failed; a full runner; runs that wait for different things."""

    def __init__(self, world: World) -> None:
        self.coordinator: Coordinator = world.coordinator(**LIMITS)
        self.runner = world.runner(self.coordinator, slots=3, tags=("linux",))
        self.lead = self.begin(f"usage opus 900 80 410000\n{hold('never')}", "Lead")
        child = self.begin(f"usage opus 100 10 20000\n{hold('never')}", "Child", self.lead)
        self.broken = self.begin("fail broken", "Broken", self.lead)
        self.coordinator.ended(self.broken.run_id)
        self.asking = self.begin("run psql -f 4.sql", "Asks <b>you</b>", child, permission_mode="ask")
        self.coordinator.until_event(self.asking, "approval_requested")
        self.unfit = self.begin("say x", "Needs a gpu", additional_demands=NOWHERE)
        self.waiting = self.begin("say x", "Needs a slot")

    def begin(self, prompt: str, title: str, parent: RunCreated | None = None, **fields: Any) -> RunCreated:
        below = {} if parent is None else {"parent_session_id": parent.session_id}
        return self.coordinator.start_run(prompt, title=title, **({"permission_mode": "full"} | below | fields))


@pytest.fixture(scope="module")
def stage(pages_world: World) -> Stage:
    """Return the stage of this file's tests."""
    return Stage(pages_world)


PAGES: Final = {
    "trees": "/ui/tree",
    "a tree": "/ui/tree/{stage.lead.session_id}",
    "the queue": "/ui/runs",
    "all runs": "/ui/runs?status=all",
    "a run that waits": "/ui/runs/{stage.unfit.run_id}",
    "runners": "/ui/runners",
    "a runner": "/ui/runners/{stage.runner.runner_id}",
    "no such runner": "/ui/runners/rnr_00000000000000000000",
}


def test_a81_each_page_of_the_fleet_is_clean_in_every_look(stage: Stage, visitor: Visitor) -> None:
    """A81: nothing serious for axe, no sideways scrolling, no word on the console but of what is not there."""
    page = visitor.log_in()
    for name, path in PAGES.items():
        visitor.go(path.format(stage=stage))
        expect(page.locator("main").get_by_text("Reading", exact=False)).to_have_count(0)
        assert visitor.faults_of_looks() == [], name
        assert not re.search(r"undefined|NaN|\[object", page.locator("main").inner_text()), name
    assert [one for one in visitor.heard if "404" not in one] == []


def test_a81_a_tree_marks_the_ancestors_of_who_needs_somebody_and_is_walked_by_arrows(
    stage: Stage, visitor: Visitor
) -> None:
    """D3: state and cost rolled up; arrows fold and walk; a child that comes appears by itself."""
    page = visitor.log_in(f"/ui/tree/{stage.lead.session_id}")
    lead = page.get_by_role("treeitem").filter(has_text="Lead")
    expect(lead).to_contain_text("1 needs you below")
    expect(lead).to_contain_text("1 failed below")
    expect(lead).to_contain_text("$0.41")
    expect(lead).to_contain_text("$0.43")
    expect(page.get_by_role("treeitem").filter(has_text="Broken")).to_contain_text(UNKNOWN)
    expect(page.get_by_text("Asks <b>you</b>")).to_be_visible()
    for key, name in (("ArrowDown", "Child"), ("ArrowRight", "Asks"), ("ArrowLeft", "Child"), ("ArrowLeft", "Child")):
        page.keyboard.press(key)
        expect(page.locator(SELECTED)).to_contain_text(name)
    expect(page.get_by_text("Asks <b>you</b>")).to_have_count(0)
    expect(page).to_have_url(re.compile("at=ses_"))
    stage.begin("say x", "Comes later", stage.lead, additional_demands=NOWHERE)
    expect(page.get_by_role("treeitem").filter(has_text="Comes later")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/ui/sessions/ses_"))
    assert visitor.heard == []


def test_a81_the_queue_says_why_each_run_waits_and_what_each_runner_says(stage: Stage, visitor: Visitor) -> None:
    """A83: a sentence a run, its place, the reasons of a runner and what helps; filtered by status; cancelled there."""
    page = visitor.log_in("/ui/runs")
    unfit = _row(page, "Needs a gpu")
    expect(unfit).to_contain_text("No registered runner has the tag gpu.")
    expect(_row(page, "Needs a slot")).to_contain_text("Place 1")
    expect(_row(page, "Needs a slot")).to_contain_text("slots of this runner are in use.")
    unfit.get_by_role("button", name="What each runner says").click()
    expect(unfit).to_contain_text("The run demands the tag gpu; this runner has linux.")
    expect(unfit).to_contain_text("callboard runner --tag gpu")
    page.get_by_label("Filter runs").fill('state:queued "needs a gpu"')
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_label("Filter runs").fill("")
    page.get_by_role("link", name="Failed").click()
    expect(_row(page, "Broken")).to_contain_text("broken")
    cancelled = stage.begin("say x", "Not any more", additional_demands=NOWHERE)
    page.get_by_role("link", name="Waiting").click()
    _row(page, "Not any more").get_by_role("link", name="Details").click()
    page.wait_for_url(re.compile(cancelled.run_id))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("A person stopped it.").first).to_be_visible()
    expect(page.get_by_role("region", name="Facts")).to_contain_text("may do everything")
    assert visitor.heard == []


def test_d11_home_finds_by_model_and_what_does_not_stand_on_it(stage: Stage, visitor: Visitor) -> None:
    """D2, D11: a row names its model; a child that has ended is found by a word of its name, further back."""
    page = visitor.log_in("/ui/?q=model:opus")
    working = page.get_by_role("region", name=re.compile("Working"))
    expect(working.get_by_role("link")).to_have_count(2)
    expect(working.get_by_role("link").first).to_contain_text("opus")
    page.get_by_label("Filter sessions").fill("broke -model:opus")
    further = page.get_by_role("region", name=re.compile("Further back"))
    expect(further.get_by_role("link").filter(has_text="Broken")).to_have_attribute(
        "href", re.compile(stage.broken.session_id)
    )
    assert visitor.faults_of_looks() == []
    assert visitor.heard == []


def test_a81_a_runner_shows_what_it_holds_and_is_drained_and_kept(visitor: Visitor) -> None:
    """D10: slots, leases, properties; drain and resume; it is not removed while it has runs."""
    page = visitor.log_in("/ui/runners")
    expect(page.get_by_text("1 of 1 online · 3 of 3 slots in use")).to_be_visible()
    page.locator("article").get_by_role("link").first.click()
    expect(page.get_by_text("lease ends in").first).to_be_visible()
    expect(page.get_by_role("list", name="Its machine")).to_contain_text("free", timeout=20_000)
    page.get_by_role("button", name="Drain").click()
    expect(page.get_by_text("It takes no new run; 3 runs may finish.")).to_be_visible()
    expect(page.locator("main").get_by_text("Draining")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It still holds 3 runs.")
    expect(dialog.get_by_role("button", name="Remove the runner")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("main").get_by_text("Online")).to_be_visible()
    assert visitor.heard == []


def test_a81_a_tree_of_a_thousand_is_walked_without_a_long_task(stage: Stage, visitor: Visitor) -> None:
    """D3: shown, scrolled, folded and changed without a task over 100 ms."""
    root = stage.begin("say x", "A thousand", additional_demands=NOWHERE)
    branches = [stage.begin("say x", f"Branch {n}", root, additional_demands=NOWHERE) for n in range(BRANCHES)]

    def leaf(number: int) -> None:
        wanted = {"type": "start_session", "prompt": "x", "title": f"Leaf {number}", "additional_demands": NOWHERE}
        parent = branches[number % BRANCHES].session_id
        stage.coordinator.http.post("/runs", json=wanted | {"parent_session_id": parent}).raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(leaf, range(LARGE - BRANCHES - 1)))
    page = visitor.log_in(f"/ui/tree/{root.session_id}")
    expect(page.get_by_role("link", name="All 1000")).to_be_visible()
    expect(page.get_by_role("treeitem").nth(5)).to_be_visible()
    page.evaluate(LONG_TASKS)
    # A task that is long by itself is long each time; one that waited for a busy machine is not.
    assert min(_longest_of_a_walk(page) for _ in range(ROUNDS)) <= 100
    _find_further_back_among_the_thousand(visitor)
    assert visitor.heard == []


def _find_further_back_among_the_thousand(visitor: Visitor) -> None:
    """D11: Home has the hundred that wait longest; all words are asked for, and what was not read is not denied."""
    page = visitor.go("/ui/?q=leaf 777")
    further = page.get_by_role("region", name=re.compile("Further back"))
    expect(further.get_by_role("link", name=re.compile("Leaf 777"))).to_be_visible()
    late = " ".join(f'-"leaf {digit}"' for digit in range(3, 10))
    page.get_by_label("Filter sessions").fill(f"leaf {late}")
    expect(further.get_by_text("None of the 400 newest with these words fits.")).to_be_visible()
    further.get_by_role("button", name="Look further back").click()
    expect(further.get_by_role("link", name=re.compile("Leaf 299"))).to_be_visible()


def _longest_of_a_walk(page: Page) -> float:
    """Scrolls, walks and folds; the longest task of the page meanwhile, in milliseconds."""
    page.evaluate("window.longest = 0")
    for _ in range(10):
        page.get_by_role("tree").evaluate("(element) => { element.scrollTop = Math.random() * element.scrollHeight; }")
        page.wait_for_function("() => new Promise(requestAnimationFrame)")
    page.keyboard.press("End")
    expect(page.locator(SELECTED)).to_contain_text("Leaf")
    page.get_by_role("button", name="Fold all", exact=True).click()
    expect(page.get_by_role("treeitem")).to_have_count(BRANCHES + 1)
    page.get_by_role("button", name="Unfold all").click()
    expect(page.get_by_text("Leaf", exact=False).first).to_be_visible()
    page.get_by_role("link", name="Not done").click()
    expect(page.get_by_role("link", name="Not done")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="All 1000").click()
    return float(page.evaluate("window.longest"))


def _row(page: Page, name: str) -> Any:
    return page.get_by_role("article").filter(has=page.get_by_role("link", name=name, exact=True))
