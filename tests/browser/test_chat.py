"""A81: the chat in a real Chromium, with a real coordinator, a real runner and scripted agents."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import HOSTILE, Visitor
from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

AGENT: Final = {"name": "reviewer", "description": "Reads a change.", "executor": "scripted", "permission_mode": "full"}
WORDS: Final = "say It was **late**.\nusage opus 1200 340 21000\nresult It was **late**."


class Scene:
    """A coordinator, a runner and one agent to talk to."""

    def __init__(self, world: World) -> None:
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        self.runner = world.runner(self.coordinator)
        assert self.coordinator.http.post("/agents", json=AGENT).status_code == 201

    def prompts(self, session_id: str) -> list[str]:
        """What the session was told as runs, oldest first."""
        runs: list[dict[str, Any]] = self.coordinator.http.get(f"/sessions/{session_id}/runs").json()["items"]
        return [str(run["prompt"]) for run in reversed(runs)]


@pytest.fixture(scope="module")
def scene(pages_world: World) -> Iterator[Scene]:
    """Yield the scene of this file's tests; agents on a busy machine are waited for longer than a page is."""
    expect.set_options(timeout=20_000)
    yield Scene(pages_world)
    expect.set_options(timeout=5_000)


@pytest.fixture
def visitor(scene: Scene, browser: Browser) -> Iterator[Visitor]:
    """Yield a person who has a window and is not logged in yet."""
    with Visitor(browser, scene.coordinator) as person:
        yield person


def say(page: Page, text: str, button: str = "Send|Queue") -> None:
    """Write a message and send it; while the agent works the button says how."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name=re.compile(f"^({button})$")).click()


def queue_two_and_take_them_back(page: Page) -> None:
    """H2: what is said to an agent at work is queued unless chosen otherwise; one is removed, the other changed."""
    feed = page.get_by_role("feed")
    expect(page.get_by_label("When it is heard")).to_have_value("resume")
    for queued, text in enumerate(("say first", "say queued"), 1):
        say(page, text, "Queue")
        expect(feed.get_by_text(re.compile("Queued$"))).to_have_count(queued)
    page.get_by_role("button", name="Remove").first.click()
    expect(feed.get_by_text("say first")).to_have_count(0)
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Message")).to_have_value("say queued")
    expect(feed.get_by_text("say queued")).to_have_count(0)


def begun(page: Page) -> str:
    """The session that the address names, once it does."""
    page.wait_for_url(re.compile(r"ses_"))
    return page.url[page.url.index("ses_") :].split("&")[0]


def test_a81_a_conversation_is_led_from_its_first_word_to_its_last(scene: Scene, visitor: Visitor) -> None:
    """H1, H2, H5: draft kept, deltas replaced by the message, queue, change, interrupt, stop, resume; what it took."""
    page = visitor.log_in("/ui/chat?agent=reviewer")
    page.get_by_label("Message").fill(WORDS)
    page.reload()
    expect(page.get_by_label("Message")).to_have_value(WORDS)
    page.get_by_label("Message").press("Enter")
    session_id = begun(page)
    expect(page.get_by_text("1.5k tokens")).to_be_visible()
    expect(page.get_by_text("opus", exact=True)).to_be_visible()
    expect(page.locator("strong", has_text="late")).to_have_count(1)
    say(page, f"stream 5 1\n{hold('never')}")
    expect(page.get_by_label("is being written")).to_be_visible()
    expect(page.get_by_label("is being written")).to_be_hidden()
    expect(page.get_by_text(re.compile("^piece 1 "))).to_have_count(1)
    heard = page.get_by_label("When it is heard")
    queue_two_and_take_them_back(page)
    heard.select_option("now: interrupt it")
    say(page, f"say instead\n{hold('never')}", "Interrupt")
    expect(page.get_by_text("instead", exact=True)).to_be_visible(timeout=20_000)
    expect(heard).to_have_value("resume")
    heard.select_option("steer: into this turn")
    say(page, "say steered", "Steer")
    expect(page.get_by_text("Not heard yet")).to_be_visible()
    page.reload()
    expect(heard).to_have_value("auto")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=20_000)
    say(page, "say and on")
    expect(page.get_by_text("and on", exact=True)).to_be_visible()
    expect(page.get_by_role("feed").get_by_text("say queued")).to_have_count(0)
    assert [one.split("\n")[0] for one in scene.prompts(session_id)] == [
        "say It was **late**.", "stream 5 1", "say first", "say queued", "say instead", "say and on",
    ]  # fmt: skip
    assert visitor.heard == []
    visitor.go("/ui/chat?agent=nope")
    expect(page.get_by_text("There is no agent 'nope' here.")).to_be_visible()
    expect(page.get_by_role("button", name="Begin")).to_have_count(0)


def test_a81_children_and_approvals_stand_in_the_conversation_that_made_them(scene: Scene, visitor: Visitor) -> None:
    """H4: a child is a live card; an approval is decided where it stands."""
    script = f"say I start one\nchild async_poll - say at it;;{hold('child-goes-on')}\nask Deploy {{}}\nsay done"
    made = scene.coordinator.start_run(script, permission_mode="ask", title="Lead")
    page = visitor.log_in(f"/ui/chat/{made.session_id}")
    card = page.get_by_role("link").filter(has_text="say at it")
    expect(card.get_by_text("Working").or_(card.get_by_text("Needs approval"))).to_be_visible(timeout=20_000)
    expect(page.get_by_text("1 child works")).to_be_visible()
    page.get_by_role("feed").get_by_role("button", name="Allow once").click()
    expect(page.get_by_text("allowed Deploy")).to_be_visible()
    card.click()
    page.wait_for_url(lambda url: made.session_id not in url)
    page.get_by_role("link", name="its parent").click()
    page.wait_for_url(re.compile(made.session_id))
    assert visitor.heard == []


def test_a81_a_message_that_was_written_while_nobody_answers_is_sent_once(scene: Scene, visitor: Visitor) -> None:
    """H7: it waits over a reload, and arrives when the coordinator is back; its answer lost, it is not said again."""
    made = scene.coordinator.start_run("say one", permission_mode="full")
    scene.coordinator.ended(made.run_id)
    page = visitor.log_in(f"/ui/chat/{made.session_id}")
    expect(page.get_by_text("one", exact=True)).to_be_visible()
    lost: list[int] = []

    def lose_the_answer(route: Any) -> None:
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/messages", lose_the_answer, times=1)
    say(page, "say two")
    expect(page.get_by_text("two", exact=True)).to_be_visible()
    scene.coordinator.kill()
    say(page, "say three")
    expect(page.get_by_text("Being sent").last).to_be_visible()
    for text, button in (("say never", "Remove"), ("say thr", "Change")):
        say(page, text)
        page.get_by_role("button", name=button, exact=True).last.click()
    expect(page.get_by_label("Message")).to_have_value("say thr")
    say(page, "say four")
    scene.coordinator.restart()
    page.reload()
    expect(page.get_by_text("four", exact=True)).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Being sent")).to_have_count(0)
    assert lost == [201]
    assert scene.coordinator.said(made.session_id) == ["one", "two", "three", "four"]


def test_s1_what_was_written_when_the_login_ended_goes_out_under_nobody_elses(scene: Scene, visitor: Visitor) -> None:
    """S1, H7: the page says that it is out; who logs in next neither sees nor sends it; its writer sends it once."""
    made = scene.coordinator.start_run("say one", permission_mode="full")
    scene.coordinator.ended(made.run_id)
    place = f"/ui/chat/{made.session_id}"
    page = visitor.log_in(place)
    expect(page.get_by_text("one", exact=True)).to_be_visible()
    login = page.evaluate("() => fetch('/tokens/self').then((answer) => answer.json())")
    page.route("**/messages", lambda route: route.abort())
    say(page, "say kept")
    expect(page.get_by_text("Being sent")).to_be_visible()
    page.get_by_label("Message").fill("a draft")
    scene.coordinator.http.delete(f"/tokens/{login['token_id']}").raise_for_status()
    expect(page.get_by_text("This browser is not logged in.")).to_be_visible()
    assert visitor.faults_of_looks() == []
    page.unroute("**/messages")
    other = scene.coordinator.http.post("/tokens", json={"kind": "user", "label": "another"}).json()
    visitor.log_in(place, token=other["token"])
    say(page, "say mine")
    expect(page.get_by_text("mine", exact=True)).to_be_visible()
    expect(page.get_by_text("kept")).to_have_count(0)
    expect(page.get_by_label("Message")).to_have_value("")
    assert scene.prompts(made.session_id) == ["say one", "say mine"]
    visitor.log_in(place)
    expect(page.get_by_text("kept", exact=True)).to_be_visible()
    assert scene.prompts(made.session_id) == ["say one", "say mine", "say kept"]


def test_s1_a_tab_is_whose_login_it_is_and_a_log_out_leaves_nothing_unsent(scene: Scene, visitor: Visitor) -> None:
    """S1: a message that waits in one tab is not sent once somebody else has logged in in the other one."""
    made = scene.coordinator.start_run("say one", permission_mode="full")
    scene.coordinator.ended(made.run_id)
    page = visitor.log_in(f"/ui/chat/{made.session_id}")
    page.route("**/messages", lambda route: route.abort())
    say(page, "say kept")
    expect(page.get_by_text("Being sent")).to_be_visible()
    other = scene.coordinator.http.post("/tokens", json={"kind": "user", "label": "another"}).json()
    second = visitor.log_in(token=other["token"], page=visitor.context.new_page())
    expect(page.get_by_text("one", exact=True)).to_be_visible()
    expect(page.get_by_text("Being sent")).to_have_count(0)
    page.unroute("**/messages")
    second.get_by_role("button", name="Log out").click()
    second.wait_for_url(re.compile("/ui/login"))
    assert "say kept" in page.evaluate("JSON.stringify(localStorage)"), "it is not theirs to throw away"
    page.route("**/messages", lambda route: route.abort())
    visitor.log_in(f"/ui/chat/{made.session_id}")
    expect(page.get_by_text("Being sent")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/ui/login"))
    assert "say kept" not in page.evaluate("JSON.stringify(localStorage)")
    assert scene.prompts(made.session_id) == ["say one"]


def test_s8_hostile_words_are_inert_in_both_chats(scene: Scene, visitor: Visitor) -> None:
    """S8, H3: what an agent says, asks and fails with is text; no picture is fetched, no link leads into a script."""
    asked = json.dumps({"command": HOSTILE})
    script = f"say {HOSTILE}\nask Bash {asked}\nfail {HOSTILE}"
    made = scene.coordinator.start_run(script, agent_name="reviewer", permission_mode="ask", title=f"<i>{HOSTILE}")
    visitor.log_in()
    for place, word in (
        (f"/ui/chat/{made.session_id}", "Deny"),
        (f"/chat/?agent=reviewer&session_id={made.session_id}", ""),
    ):
        page = visitor.go(place)
        feed = page.get_by_role("feed")
        expect(feed.get_by_text("<script>alert(1)</script>")).to_have_count(3 if word else 4)
        if word:
            feed.get_by_role("button", name=word).click()
        expect(page.get_by_role("alert").get_by_text("<script>alert(1)</script>")).to_be_visible()
        expect(
            feed.get_by_text(re.compile("exe.\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}U.202E.*gnp red")).first
        ).to_be_visible()
        assert page.locator("[href^=javascript], #root img, #root svg[onload], #root script, #root i").count() == 0
    assert [url for url in visitor.asked if not url.startswith((scene.coordinator.url, "data:"))] == []
    assert visitor.heard == []


def test_h7_a_reload_shows_the_same_place_and_two_escapes_the_last_message(scene: Scene, visitor: Visitor) -> None:
    """H2, H7: where somebody read is where the page begins again; Escape twice brings back what was said last."""
    made = scene.coordinator.start_run("\n".join(f"say word {n}" for n in range(80)), permission_mode="full")
    scene.coordinator.ended(made.run_id)
    page = visitor.log_in(f"/ui/chat/{made.session_id}")
    expect(page.get_by_text("word 79", exact=True)).to_be_in_viewport()
    feed = page.get_by_role("feed")
    feed.evaluate("(element) => { element.scrollTop = element.scrollHeight / 2; }")
    expect(page.get_by_role("button", name="to the end")).to_be_visible()
    read = feed.get_by_role("article").filter(visible=True).nth(8).inner_text()
    page.reload()
    expect(feed.get_by_text(read, exact=True)).to_be_in_viewport()
    expect(page.get_by_text("word 79", exact=True)).not_to_be_in_viewport()
    page.get_by_label("Message").focus()
    for _ in range(2):
        page.keyboard.press("Escape")
    expect(page.get_by_label("Message")).to_have_value(re.compile("word 79$"))
    assert visitor.heard == []


def test_a81_the_standalone_chat_is_one_agent_and_goes_on_after_a_reload(scene: Scene, visitor: Visitor) -> None:
    """Seed 003: no dashboard around it; another window finds the conversation; a failed run is shown as such."""
    page = visitor.log_in("/chat/?agent=reviewer")
    if page.get_by_role("button", name="New conversation").is_visible():
        page.get_by_role("button", name="New conversation").click()
    visitor.go("/chat/?agent=reviewer&session_id=new")
    say(page, "say one\nfail the database is away", "Begin")
    session_id = begun(page)
    expect(page.get_by_role("alert").get_by_text("the database is away")).to_be_visible()
    page.reload()
    expect(page.get_by_role("alert").get_by_text("The agent failed.")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    visitor.go("/chat/?agent=reviewer")
    assert begun(page) == session_id
    say(page, "say better")
    expect(page.get_by_text("better", exact=True)).to_be_visible()
    assert visitor.faults_of_looks() == []
    visitor.go("/chat/")
    expect(page.get_by_role("link", name=re.compile("reviewer"))).to_be_visible()
    assert visitor.faults_of_looks() == []
    until(lambda: len(scene.prompts(session_id)) == 2, 5, "two runs")
    assert visitor.heard == []
    visitor.go("/chat/?agent=nosuch")
    page.get_by_role("link", name="Choose one of those that there are").click()
    expect(page.get_by_role("link", name=re.compile("reviewer"))).to_be_visible()
