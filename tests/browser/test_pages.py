"""A81: the pages in a real Chromium, with a real coordinator, a real runner and scripted agents."""

import gzip
import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from callboard.wire.responses import RunCreated
from tests.browser.pages import HOSTILE, HOURS_OFF, LONG_TASKS, NARROW, Visitor, initial_scripts
from tests.faults.two import two_coordinators
from tests.support.balancer import balancer, reached_at
from tests.support.coordinator import QUICK, Coordinator
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

DONE: Final = 'say It was **late**.\ntool Read {"file_path": "a.py"}\nusage opus 1200 340 21000\nresult Fixed.'


OPENED: Final = """new MutationObserver((_, observer) => {
  const chips = [...document.querySelectorAll("button[aria-pressed]")];
  if (!chips.some((one) => /^Everything 1\\d{4}$/.test(one.textContent))) return;
  observer.disconnect();
  window.opened = performance.now();
}).observe(document, { childList: true, subtree: true, characterData: true });"""


class Stage:
    """A coordinator with sessions in every state that a person meets."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        self.runner = world.runner(self.coordinator, name="box1")
        self.done = self.begin(DONE, "Fix the login test")
        self.asking = self.ask("Add an index")
        self.live = self.begin(f"say at work\n{hold('never')}", "Rewrite the cache")
        self.begin("say x", "Train on a big machine", additional_demands={"tags": ["gpu"]})
        self.hostile = self.begin(f"say {HOSTILE}\nrun printf '<b>bold</b>'", f"<i>{HOSTILE}")
        self.coordinator.ended(self.done.run_id)
        self.coordinator.ended(self.hostile.run_id)

    def begin(self, prompt: str, title: str, **fields: Any) -> RunCreated:
        return self.coordinator.start_run(prompt, title=title, **({"permission_mode": "full"} | fields))

    def ask(self, title: str) -> RunCreated:
        made = self.begin("run psql -f 4.sql\nresult ok", title, permission_mode="ask")
        self.coordinator.until_event(made, "approval_requested")
        return made


@pytest.fixture(scope="module")
def stage(pages_world: World) -> Stage:
    """Return the stage of this file's tests."""
    return Stage(pages_world)


PAGES: Final = {
    "home": "/ui/",
    "a session that is done": "/ui/sessions/{stage.done.session_id}",
    "a session that asks": "/ui/sessions/{stage.asking.session_id}",
    "changes of no worktree": "/ui/sessions/{stage.done.session_id}?view=changes",
    "nothing": "/ui/nothing/here",
    "approvals": "/ui/approvals",
    "conversations": "/ui/chat",
    "a new conversation": "/ui/chat?agent=",
    "a conversation that works": "/ui/chat/{stage.live.session_id}",
}
"""Every page by its name; add yours."""


def test_a81_each_page_is_clean_wide_and_narrow_dark_and_light(stage: Stage, visitor: Visitor) -> None:
    """A81: no word on the console, nothing serious for axe, and no sideways scrolling at 360 px."""
    page = visitor.log_in()
    for name, path in PAGES.items():
        visitor.go(path.format(stage=stage))
        expect(page.locator("h1").filter(visible=True)).to_have_count(1)
        expect(page.get_by_text("Live", exact=False).first).to_be_visible()
        assert visitor.faults_of_looks() == [], name
        if name == "approvals":
            expect(page.locator("main").get_by_role("link", name="box1").first).to_be_visible()
    assert visitor.heard == []
    visitor.go("/ui/sessions/ses_nobody")
    expect(page.get_by_role("heading", level=1, name="ses_nobody")).to_be_visible()


def test_a81_home_says_who_needs_somebody_also_in_the_title_and_by_keyboard(stage: Stage, visitor: Visitor) -> None:
    """D1, D13: groups with counts; j, k and Enter walk the list, `?` shows the keys."""
    page = visitor.log_in()
    needs = page.get_by_role("region", name=re.compile("Needs you"))
    expect(needs.get_by_text("run psql -f 4.sql")).to_be_visible()
    expect(needs.get_by_text(re.compile(r"^box1 \("))).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(1\) Home"))
    expect(page.get_by_text("No registered runner has the tag gpu.")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(stage.asking.session_id))
    expect(page).to_have_title(re.compile(r"^\(1\) Add an index · Session"))
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(re.compile(r"/ui/$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("login")
    expect(page.get_by_text("Add an index")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Filter sessions")).not_to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.reload()
    expect(page.get_by_text("Fix the login test")).to_be_visible()
    assert page.url.endswith("?q=login")


def test_a81_ages_are_right_when_the_browsers_clock_is_hours_off(browser: Browser, stage: Stage) -> None:
    with Visitor(browser, stage.coordinator, script=HOURS_OFF) as person:
        page = person.log_in()
        row = page.get_by_role("link").filter(has_text="Add an index")
        expect(row.locator("time")).to_have_text(re.compile(r"^waits (\d+s|\dm)$"))


def test_a81_an_approval_is_decided_on_a_phone_and_settled_in_the_other_tab(browser: Browser, stage: Stage) -> None:
    """Journey 4: the title counts within two seconds; the other tab's card is settled without a touch."""
    with Visitor(browser, stage.coordinator, narrow=True) as phone, Visitor(browser, stage.coordinator) as desk:
        asked = stage.ask("Drop the table")
        path = f"/ui/sessions/{asked.session_id}"
        phone.log_in(path)
        desk.log_in(path)
        expect(desk.page).to_have_title(re.compile(r"^\(2\) "))
        expect(phone.page.locator("[data-more~=right]")).to_have_count(1)
        allow = desk.page.get_by_role("button", name="Allow once")
        expect(allow).to_be_visible()
        phone.page.get_by_label("Reason, told to the agent").fill("not this one")
        phone.page.get_by_label("Reason, told to the agent").press("Enter")
        expect(desk.page.get_by_text("Denied")).to_be_visible()
        expect(allow).to_be_hidden()
        expect(desk.page).to_have_title(re.compile(r"^\(1\) "), timeout=2000)
        assert stage.coordinator.ended(asked.run_id).reason == "completed"
        assert desk.heard + phone.heard == []


def test_s8_hostile_output_is_inert_and_visible(stage: Stage, visitor: Visitor) -> None:
    """S8, H3: markup, images, script links, bidi and terminal commands are text; nothing is asked for elsewhere."""
    page = visitor.log_in(f"/ui/sessions/{stage.hostile.session_id}")
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    expect(page.get_by_text("exe.\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}U+202E").first).to_be_visible()
    page.locator("summary").filter(has_text="printf").click()
    expect(page.locator("pre").filter(has_text="<b>bold</b>").first).to_be_visible()
    events = stage.coordinator.http.get(f"/sessions/{stage.hostile.session_id}/events").json()["items"]
    (ended,) = (event["seq"] for event in events if event["type"] == "post_tool")
    visitor.go(f"/ui/sessions/{stage.hostile.session_id}?event={ended}")
    expect(page.get_by_role("feed").locator("[class*=marked]")).to_contain_text("printf")
    visitor.go(f"/ui/sessions/{stage.hostile.session_id}?event=99999")
    expect(page.get_by_text("There is no event 99999 here.")).to_be_visible()
    page.get_by_role("link", name="Callboard, home").click()
    expect(page.get_by_text("U+202E").first).to_be_visible()
    assert page.locator("[href^=javascript], main img, main svg[onload], main script").count() == 0
    assert [url for url in visitor.asked if not url.startswith((stage.coordinator.url, "data:"))] == []
    assert visitor.heard == []


def test_a81_a_session_is_led_from_its_page(stage: Stage, visitor: Visitor) -> None:
    """What a person does there: a message is the next run, live; then a stop, a retry, the archive and back."""
    made = stage.begin("say one", "Led by hand")
    stage.coordinator.ended(made.run_id)
    page = visitor.log_in(f"/ui/sessions/{made.session_id}")
    page.get_by_label("Message").fill(f"say two\n{hold('never')}")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name=re.compile("Run 2"))).to_be_visible()
    expect(page.get_by_text("two", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Retry")).to_be_visible(timeout=20_000)
    expect(page.locator("main header").get_by_text("◼Stopped")).to_be_visible()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("The session is archived.")).to_be_visible()
    page.get_by_role("button", name="Unarchive").click()
    expect(page.get_by_label("Message")).to_be_visible()
    page.get_by_role("link", name="Events").click()
    page.get_by_role("button", name="message", exact=False).first.click()
    assert "view=events&types=message" in page.url
    expect(page.get_by_role("heading", name=re.compile("Run 2"))).to_be_hidden()
    assert visitor.heard == []


LEAD: Final = f"{{}}\nchild async_poll - say below;;{hold('never')}\n{hold('never')}"


def test_a81_stop_asks_for_children_that_work_when_it_is_pressed(stage: Stage, visitor: Visitor) -> None:
    """S12: a page that was opened before there were any follows them, and asks even where it has not heard of them."""
    made = stage.begin(LEAD.format(hold("children-begin")), f"Lead {'long ' * 30}")
    page = visitor.log_in(f"/ui/sessions/{made.session_id}")
    header, facts = page.locator("main header"), page.get_by_label("About this session")
    expect(page.get_by_role("heading", name=re.compile("Run 1"))).to_be_visible()
    old = stage.coordinator.http.get(f"/sessions/{made.session_id}").json()
    stage.world.let_go("children-begin")
    expect(header.get_by_text("0 of 1 children ended")).to_be_visible(timeout=20_000)
    expect(facts.get_by_text("in use")).to_be_visible()
    asked_again = re.compile(rf"(?<!/ui)/sessions/{made.session_id}$")
    page.route(asked_again, lambda route: route.fulfill(json=old))
    page.reload()
    expect(header.get_by_role("button", name="Stop")).to_be_visible()
    expect(header.get_by_text("children ended")).to_have_count(0)
    page.set_viewport_size(NARROW)
    tall = "(title) => title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight)"
    assert header.locator("h1").evaluate(tall) < 2.5
    header.get_by_role("button", name="Whole title").click()
    assert header.locator("h1").evaluate(tall) > 2.5
    visitor.go(f"/ui/runs/{made.run_id}")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog", name="Stop this run?").get_by_role("button", name="Let it work").click()
    visitor.go(f"/ui/sessions/{made.session_id}")
    expect(header.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("s")
    page.get_by_role("dialog").get_by_role("button", name="Stop it and all below it").click()
    (below,) = stage.coordinator.http.get("/sessions", params={"parent_session_id": made.session_id}).json()["items"]
    assert stage.coordinator.ended(below["latest_run_id"]).reason == "stopped"
    assert visitor.heard == []


TALK: Final = 400
TALKATIVE: Final = "\n".join(["say x", "sleep 0.008"] * TALK)


def assert_shown_once(page: Page, coordinator: Coordinator, made: RunCreated, messages: int = TALK + 1) -> None:
    """The page shows each event of a talkative session, and none twice."""
    assert coordinator.ended(made.run_id, 60).reason == "completed"
    expect(page.get_by_text("Live", exact=False).first).to_be_visible()
    last = coordinator.session(made.session_id).last_seq
    expect(page.get_by_role("button", name=f"All {last}", exact=True)).to_be_visible()
    expect(page.get_by_role("feed").get_by_role("article").last).to_have_attribute("aria-setsize", str(messages))


AT_ITS_END: Final = """(text) => {
  const feed = document.querySelector("[role=feed]");
  feed.scrollTop = feed.scrollHeight;
  return feed.textContent.includes(text);
}"""
"""Whether the end of the timeline says this."""


def test_a81_a_page_catches_up_after_the_coordinator_was_killed(stage: Stage, visitor: Visitor) -> None:
    """Promise 4: kill -9 in the middle of a hundred events a second; then each is there, once."""
    coordinator = stage.coordinator
    made = stage.begin(TALKATIVE, "Talkative")
    page = visitor.log_in(f"/ui/sessions/{made.session_id}?types=message")
    expect(page.get_by_text("x", exact=True).nth(3)).to_be_visible()
    coordinator.kill()
    expect(page.get_by_text(re.compile("Offline|onnecting"))).to_be_visible()
    page.get_by_label("Message").fill("say Sent once.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Sending")).to_be_disabled()
    coordinator.restart()
    expect(page.get_by_label("Message")).to_have_value("", timeout=20_000)
    page.wait_for_function(AT_ITS_END, arg="Sent once.", timeout=30_000)
    assert_shown_once(page, coordinator, made, messages=TALK + 3)
    assert [one for one in visitor.heard if "ERR_CONNECTION" not in one and "ERR_INCOMPLETE" not in one] == []


def test_a81_a_page_goes_on_at_the_other_of_two_coordinators(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """R12: behind a load balancer the login, the stream and its place hold at whichever is left."""
    del stage
    with (
        two_coordinators(tmp_path, **QUICK) as two,
        balancer(*two.both) as way,
        reached_at(two.first, way.url) as front,
        Visitor(browser, front) as person,
    ):
        two.world.runner(two.first, url=way.url)
        made = front.start_run(TALKATIVE)
        page = person.log_in(f"/ui/sessions/{made.session_id}?types=message")
        expect(page.get_by_text("x", exact=True).nth(3)).to_be_visible()
        two.first.kill()
        assert_shown_once(page, front, made)


def test_a81_ten_thousand_events_open_scroll_and_filter_without_a_long_task(stage: Stage, visitor: Visitor) -> None:
    """D16: shown within two seconds, and no task of the page over 100 ms afterwards."""
    lines = [
        {"event_type": ("message", "pre_tool")[n % 2], "role": "assistant", "tool_name": "Read", "content": f"word {n}"}
        for n in range(10_000)
    ]
    session = stage.coordinator.http.post("/sessions/import", json={"lines": lines}).json()
    visitor.context.add_init_script(OPENED)
    page = visitor.log_in(f"/ui/sessions/{session['session_id']}")
    # Two seconds on a machine with nothing else to do; here four tests take turns on two cores.
    assert min(_opened_after(page) for _ in range(3)) <= 8_000
    page.evaluate(LONG_TASKS)
    assert min(_longest_of_a_look_around(page) for _ in range(3)) <= 100


def _opened_after(page: Page) -> float:
    """Loads the page anew; after how many milliseconds the whole log was there."""
    page.reload()
    page.wait_for_function("() => window.opened", timeout=20_000)
    return float(page.evaluate("window.opened"))


def _longest_of_a_look_around(page: Page) -> float:
    """Scrolls, filters, and back; the longest task of the page meanwhile, in milliseconds."""
    page.evaluate("window.longest = 0")
    feed = page.get_by_role("feed")
    for _ in range(15):
        feed.evaluate("(element) => { element.scrollTop = Math.random() * element.scrollHeight; }")
        page.wait_for_function("() => new Promise(requestAnimationFrame)")
    page.get_by_role("link", name="Events").click()
    page.get_by_role("group", name="Event types").get_by_role("button", name="pre_tool").click()
    expect(feed.get_by_role("article").first).to_have_attribute("aria-setsize", "5000")
    page.get_by_role("group", name="Event types").get_by_role("button", name="pre_tool").click()
    expect(feed.get_by_role("article").first).to_have_attribute("aria-setsize", re.compile(r"^1\d{4}$"))
    page.get_by_role("link", name="Timeline").click()
    return float(page.evaluate("window.longest"))


TOPMOST: Final = """(feed) => {
  const top = feed.getBoundingClientRect().top;
  const all = [...feed.querySelectorAll("[role=article]")];
  return all.find((one) => one.getBoundingClientRect().bottom > top + 2).textContent;
}"""
TO_THE_BEGINNING: Final = """() => {
  document.querySelector("[role=feed]").scrollTop = 0;
  return !document.body.textContent.includes("lies further back");
}"""


def test_d16_who_scrolls_back_finds_again_what_the_page_has_let_go_of(stage: Stage, visitor: Visitor) -> None:
    """A page that is open for long keeps the newest events; the others come again, and nothing moves under the eyes."""
    said = ([{"type": "text", "text": f"word {n}"}] for n in range(17_000))
    lines = [{"event_type": "message", "role": "assistant", "content": one} for one in said]
    session = stage.coordinator.http.post("/sessions/import", json={"lines": lines}).json()
    page = visitor.log_in(f"/ui/sessions/{session['session_id']}")
    feed = page.get_by_role("feed")
    last = feed.get_by_role("article").last
    further = page.get_by_text("lies further back")
    expect(further).to_be_visible(timeout=20_000)
    expect(last).to_have_attribute("aria-setsize", re.compile(r"^1[2-4]\d{3}$"))
    expect(page.get_by_role("button", name=f"Everything {session['last_seq']}")).to_be_visible(timeout=20_000)
    feed.evaluate("(element) => { element.scrollTop = 2_000; }")
    page.wait_for_function("() => new Promise((done) => setTimeout(() => done(true), 200))")
    before, size = feed.evaluate(TOPMOST), last.get_attribute("aria-setsize")
    page.get_by_role("button", name="Show earlier").click()
    expect(last).not_to_have_attribute("aria-setsize", size or "")
    assert feed.evaluate(TOPMOST) == before
    page.wait_for_function(TO_THE_BEGINNING, timeout=30_000)
    feed.evaluate("(element) => { element.scrollTop = 0; }")
    expect(feed.get_by_text("word 0", exact=True)).to_be_visible()
    expect(last).to_have_attribute("aria-setsize", re.compile(r"^17\d{3}$"))
    page.get_by_role("button", name="to the end").click()
    expect(feed.get_by_text("word 16999", exact=True)).to_be_visible()
    expect(last).to_have_attribute("aria-setsize", re.compile(r"^12\d{3}$"))
    page.evaluate("history.pushState(null, '', '?event=1500'); dispatchEvent(new PopStateEvent('popstate'));")
    expect(page.get_by_text("Event 1,500, to which the link leads, is not among what is shown")).to_be_visible()
    page.get_by_role("button", name="Read there").click()
    expect(feed.get_by_text("word 1498", exact=True)).to_be_visible()
    size = last.get_attribute("aria-setsize")
    page.get_by_role("button", name="Show later").click()
    expect(last).not_to_have_attribute("aria-setsize", size or "")
    page.get_by_role("button", name="Back to what happens now").click()
    expect(feed.get_by_text("word 16999", exact=True)).to_be_visible()
    visitor.go(f"/ui/sessions/{session['session_id']}?event=1500")
    expect(feed.get_by_text("word 1498", exact=True)).to_be_visible(timeout=20_000)
    assert visitor.heard == []


def test_s1_a_login_that_is_revoked_ends_the_open_page(stage: Stage, visitor: Visitor) -> None:
    """S1: within ten seconds, by a sentence that says how to come back; and a used link says that it was used."""
    page = visitor.log_in()
    link = page.evaluate("() => fetch('/tokens/self').then((answer) => answer.json())")
    expect(page.get_by_text("Live", exact=False).first).to_be_visible()
    stage.coordinator.http.delete(f"/tokens/{link['token_id']}").raise_for_status()
    expect(page.get_by_text("This browser is not logged in.")).to_be_visible(timeout=12_000)
    code = stage.coordinator.http.post("/login/links", json={}).json()["code"]
    visitor.log_in()
    page.goto("about:blank")
    for _ in range(2):
        stage.coordinator.http.post("/login", json={"code": code})
    visitor.go(f"/ui/login#code={code}")
    expect(page.get_by_text("used already")).to_be_visible()
    assert code not in page.url


def test_a81_the_first_look_loads_little(pages: Path) -> None:
    """60: initial JavaScript of at most 150 kB, packed."""
    scripts = initial_scripts(pages)
    assert len(scripts) > 2
    assert sum(len(gzip.compress(one.read_bytes())) for one in scripts) <= 150_000
    assert sum(one.stat().st_size for one in pages.rglob("*") if one.is_file()) <= 2_000_000
