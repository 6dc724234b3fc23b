"""A81: the chat in a real Chromium, with a real coordinator, a real runner and scripted agents."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import NARROW, OVERFLOWS, WIDE, Visitor
from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.world import World, hold

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]

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


def say(page: Page, text: str, button: str = "Send") -> None:
    """Write a message and send it."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name=button, exact=True).click()


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
    page.get_by_label("When it is heard").select_option("after this turn")
    say(page, "say queued")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Message")).to_have_value("say queued")
    page.get_by_label("When it is heard").select_option("now: interrupt it")
    say(page, f"say instead\n{hold('never')}", "Interrupt")
    expect(page.get_by_text("instead", exact=True)).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=20_000)
    say(page, "say and on")
    expect(page.get_by_text("and on", exact=True)).to_be_visible()
    assert [one.split("\n")[0] for one in scene.prompts(session_id)] == [
        "say It was **late**.", "stream 5 1", "say queued", "say instead", "say and on",
    ]  # fmt: skip
    assert visitor.heard == []


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
    scene.coordinator.restart()
    page.reload()
    expect(page.get_by_text("three", exact=True)).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Being sent")).to_have_count(0)
    assert lost == [201]
    assert scene.prompts(made.session_id) == ["say one", "say two", "say three"]


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
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            assert visitor.complaints_of_axe() == [], (scheme, size)
            assert not page.evaluate(OVERFLOWS), (scheme, size)
    visitor.go("/chat/")
    expect(page.get_by_role("link", name=re.compile("reviewer"))).to_be_visible()
    until(lambda: len(scene.prompts(session_id)) == 2, 5, "two runs")
    assert visitor.heard == []
