"""S3, S4 in a real browser: a stranger's page changes nothing here and learns nothing, also when it has a token."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame

from tests.browser.evil import INLINE, SCRIPT, EvilServer
from tests.browser.turncoat import Turncoat
from tests.browser.victim import CANARY, Victim

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ATTACKS: Final = re.findall(r'^  "?([\w ]+)"?: (?:async )?\(target', SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
PLACES: Final = {
    "another name": "http://evil.test:{port}/",
    "another port of localhost": "http://localhost:{port}/",
    "another port of 127.0.0.1": "http://127.0.0.1:{port}/",
    "a sandbox, Origin null": "http://evil.test:{port}/sandbox",
}
Attack = Callable[[str], str]


def hostile(context: BrowserContext, address: str) -> Frame:
    """The hostile page, loaded; inside the sandbox where there is one."""
    page = context.new_page()
    page.goto(address, wait_until="load")
    return page.frames[-1]


def attack(frame: Frame, name: str, target: str, token: str) -> str:
    """What the page got to see."""
    seen: str = frame.evaluate("([name, target, token]) => attacks[name](target, token)", [name, target, token])
    return seen


@pytest.fixture(scope="module", params=PLACES)
def attacker(request: pytest.FixtureRequest, browser: Browser, evil: EvilServer) -> Iterator[Frame]:
    """The hostile page at each place that a stranger may have."""
    with browser.new_context() as context:
        yield hostile(context, PLACES[request.param].format(port=evil.port))


@pytest.mark.parametrize("name", ATTACKS)
def test_s4_a_page_from_elsewhere_changes_and_learns_nothing(victim: Victim, attacker: Frame, name: str) -> None:
    """S4: what arrives is refused for where it comes from (403), before anybody asks for a token (401)."""
    before = victim.holds()
    target = victim.url.replace("127.0.0.1", "localhost") if "localhost" in attacker.url else victim.url
    victim.forget()
    seen = attack(attacker, name, target, victim.token)
    assert seen == "nothing"
    assert victim.answered() == {403}
    assert victim.holds() == before
    assert CANARY not in attacker.content()


def test_s4_the_attacks_are_those_of_the_script(context: BrowserContext, evil: EvilServer) -> None:
    """S4: none is left out, and each of them gets somewhere where nobody defends himself."""
    frame = hostile(context, PLACES["another name"].format(port=evil.port))
    assert frame.evaluate("Object.keys(attacks)") == ATTACKS
    assert attack(frame, "read", f"http://evil.test:{evil.port}", "").startswith("200 ")
    assert "<body>" in attack(frame, "frame of the root", f"http://evil.test:{evil.port}", "")


def test_s3_a_foreign_name_for_our_address_gets_no_page(victim: Victim, context: BrowserContext) -> None:
    """S3: pages, API and stream are refused before anything is looked up."""
    before = victim.holds()
    page = context.new_page()
    for path in ("/", "/ui/", "/chat/", "/sessions", "/sse/sessions", "/healthz", "/openapi.json", "/nothing"):
        victim.forget()
        answer = page.goto(victim.url.replace("127.0.0.1", "foreign.test") + path)
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (421, "misdirected_request"), path
        assert victim.answered() == {421}
    assert victim.holds() == before


@pytest.mark.parametrize("name", ATTACKS)
def test_s3_a_name_that_is_bound_to_our_address_later_gets_nothing(
    victim: Victim, context: BrowserContext, name: str
) -> None:
    """S3: the page came from the stranger, its name now leads here: for the browser we are its own origin."""
    before = victim.holds()
    with Turncoat(victim.port, INLINE) as turncoat:
        own = f"http://rebound.test:{victim.port}"
        frame = hostile(context, own)
        turncoat.turn()
        victim.forget()
        seen = attack(frame, name, own, victim.token)
        assert victim.answered() == {421}
        context.close()
    assert CANARY not in seen
    assert seen == "nothing" or "misdirected_request" in seen
    assert victim.holds() == before
