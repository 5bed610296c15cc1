"""Every state in every language, size and light: no fault, no overflow, a screenshot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web import service, visitor
from tests.web.conftest import Visit

pytestmark = pytest.mark.matrix

BLURRED = {"warnings": [{"code": "blurred", "message": "The image is blurred."}]}
ERRORS = {
    "malformed-request": 400,
    "unauthorized": 401,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "too-slow": 408,
    "body-too-large": 413,
    "unsupported-type": 415,
    "undecodable-image": 422,
    "truncated-image": 422,
    "image-too-small": 422,
    "too-many-pixels": 422,
    "too-costly-image": 422,
    "internal-error": 500,
}


def _overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def _states(page: Any, picture: bytes) -> Iterator[str]:
    """Lead the page through its states; yields the name of each as it is reached."""
    yield "empty"
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    yield "all-open"
    service.answer(page, {})
    visitor.choose(page, picture)
    yield "chosen"
    visitor.send(page)
    page.wait_for_selector("#waiting-note:not([hidden])")
    yield "waiting"
    page.click("#cancel")
    page.unroute("**/v1/classify*")
    service.answer(
        page,
        service.problem(500, "internal-error"),
        service.result(input=BLURRED),
        service.result(recognized=False),
    )
    visitor.send(page)
    page.wait_for_selector("#problem:not([hidden])")
    yield "problem"
    page.click("#problem-again")
    page.wait_for_selector("body[data-state=result]")
    yield "result"
    page.click(".ll-actions button")
    visitor.choose(page, picture)
    visitor.send(page)
    page.wait_for_selector(".ll-advice[data-urgency=unknown]")
    yield "unknown"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("language", visitor.LANGUAGES)
def test_every_state(visit: Visit, lesion: bytes, language: str, size: str, scheme: str) -> None:
    viewport = {"phone": visitor.PHONE, "desktop": visitor.DESKTOP}[size]
    page = visit(f"/?lang={language}", viewport=viewport, color_scheme=scheme)

    for state in _states(page, lesion):
        visitor.picture_of(page, f"{state}-{language}-{size}-{scheme}")
        assert visitor.faults(page) == [], state
        assert _overflow(page) == 0, state


@pytest.mark.parametrize("width", [320, 640, 1024, 1920, 3840])
def test_nothing_overflows_at_any_width(visit: Visit, lesion: bytes, width: int) -> None:
    # 640 is also 1280 at a zoom of 200%, 320 at 400%.
    page = visit("/?lang=mr", viewport={"width": width, "height": 900})

    for state in _states(page, lesion):
        visitor.picture_of(page, f"{state}-width-{width}")
        assert _overflow(page) == 0, state


@pytest.mark.parametrize("slug", ERRORS)
def test_each_error_is_told_in_plain_words(visit: Visit, lesion: bytes, slug: str) -> None:
    page = visit()
    service.answer(page, service.problem(ERRORS[slug], slug))
    visitor.choose(page, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    told = page.inner_text("#problem-text")
    assert told.endswith(".")
    assert "answered with an error" not in told
    assert f"Status {ERRORS[slug]}, request test-1" in page.inner_text("#problem")
    assert visitor.faults(page) == []


def test_a_lost_connection_is_told(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.route("**/v1/classify*", lambda route: route.abort())
    visitor.choose(page, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    assert "no connection" in page.inner_text("#problem-text")


def test_the_real_service_explains_what_it_refuses(visit: Visit) -> None:
    page = visit()
    visitor.choose(page, b"GIF89a, but no more than that", "broken.gif", "image/gif")
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    assert "Status 4" in page.inner_text("#problem")


def test_the_page_stands_without_the_services_numbers(visit: Visit, browser: Any) -> None:
    page = visit()
    page.route("**/v1/model", lambda route: route.abort())
    page.route("**/v1/labels", lambda route: route.abort())
    page.reload()

    page.wait_for_selector("#numbers button")
    assert "could not be read" in page.inner_text("#numbers")
    assert visitor.faults(page) == []
    page.unroute("**/v1/model")
    page.click("#numbers button")
    page.wait_for_selector("#numbers table")


def test_the_keyboard_is_enough(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    file = {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": lesion}
    page.on("filechooser", lambda chooser: chooser.set_files(file))

    def press_until(selector: str, most: int = 30) -> None:
        for _ in range(most):
            if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"Tab does not reach {selector}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "ll-skip"
    page.keyboard.press("Enter")
    press_until("#image")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=chosen]")
    press_until("#consent")
    page.keyboard.press("Space")
    press_until(".ll-send")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=result]")
    press_until("#strength")
    before = page.input_value("#strength")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#strength") != before


_SMALL = """() => [...document.querySelectorAll(
  "button, summary, .ll-button, nav a, input[type=range], .ll-links a, .ll-ways a")]
  .filter((node) => node.checkVisibility())
  .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.height, box.width) < 43.9)
  .map(([html]) => html)"""


def test_targets_are_large_enough_for_a_thumb(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)
    page.click(".ll-menu summary")
    assert page.evaluate(_SMALL) == []
    service.answer(page, service.result())
    visitor.check(page, lesion)
    assert page.evaluate(_SMALL) == []


def test_forced_colours_keep_the_bars(visit: Visit, lesion: bytes) -> None:
    page = visit(forced_colors="active", reduced_motion="reduce")
    service.answer(page, service.result())
    visitor.check(page, lesion)

    visitor.picture_of(page, "result-forced-colours")
    colours = "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).borderStyle]"
    track = page.locator("#result .ll-chart .ll-bar").first
    bar = page.locator("#result .ll-chart .ll-bar span").first
    assert track.evaluate(colours) != bar.evaluate(colours)
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_a_printed_result_is_the_result_alone(visit: Visit, lesion: bytes, tmp_path: Path) -> None:
    page = visit(color_scheme="dark")
    service.answer(page, service.result())
    visitor.check(page, lesion)
    page.emulate_media(media="print")

    visitor.picture_of(page, "result-print")
    assert page.locator("#features").is_hidden()
    assert page.locator(".ll-actions").is_hidden()
    assert page.locator(".ll-advice").is_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.pdf(path=tmp_path / "result.pdf", format="A4")
    assert (tmp_path / "result.pdf").stat().st_size > 10_000
