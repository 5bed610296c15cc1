"""Every state in every language, size and colour scheme: axe, overflow, screenshots."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.web import service, visitor
from tests.web.conftest import Visit

pytestmark = pytest.mark.slow

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
    """Bring the page into each of its states and yield the name."""
    yield "question"
    visitor.unfolded(page)
    yield "all-open"
    visitor.answer_yes(page)
    yield "upload"
    service.answer(page, {})
    visitor.choose(page, picture)
    page.click(".ll-crop-sliders summary")
    yield "chosen"
    visitor.send(page)
    page.wait_for_selector("#waiting-note:not([hidden])")
    yield "waiting"
    page.click("#cancel")
    page.unroute("**/v1/classify*")
    service.answer(
        page,
        service.problem(500, "internal-error"),
        *(service.result(looks, input=BLURRED) for looks in service.SHARES),
        service.result(kind="close-up"),
        service.result(kind="other"),
    )
    visitor.send(page)
    page.wait_for_selector("#problem:not([hidden])")
    yield "problem"
    for name in (*service.SHARES, "close-up", "other"):
        visitor.send(page)
        page.wait_for_selector("body[data-state=result]")
        yield f"result-{name.replace(' ', '-')}"
        if name == "melanoma":
            visitor.unfolded(page)
            page.click(".ll-result .ll-actions button >> nth=0")
            yield "result-all-open"
        page.go_back()
        page.wait_for_selector("body[data-state=chosen]")


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


@pytest.mark.parametrize("name", ["without", "model", "404"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("language", visitor.LANGUAGES)
def test_every_page(visit: Visit, language: str, size: str, name: str) -> None:
    viewport = {"phone": visitor.PHONE, "desktop": visitor.DESKTOP}[size]
    page = visit(f"/{name}.html?lang={language}", viewport=viewport)
    if name == "model":
        page.wait_for_selector("#numbers .ll-matrix")

    visitor.picture_of(page, f"{name}-{language}-{size}")
    assert visitor.faults(page) == []
    assert _overflow(page) == 0


_HEADER = """() => [...document.querySelectorAll(".ll-brand, .ll-menu summary, .ll-nav .ll-menu a")]
  .filter((node) => node.checkVisibility() && node.offsetParent)
  .map((node) => node.getBoundingClientRect()).map(({ top, bottom }) => (top + bottom) / 2)"""


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1280, 1920])
@pytest.mark.parametrize("language", visitor.LANGUAGES)
def test_the_header_is_one_row(visit: Visit, language: str, width: int) -> None:
    page = visit(f"/?lang={language}", viewport={"width": width, "height": 700})

    middles = page.evaluate(_HEADER)
    assert len(middles) >= 3
    assert max(middles) - min(middles) < 12


@pytest.mark.parametrize("width", [320, 360])
def test_no_table_is_cut_off_on_a_telephone(visit: Visit, width: int) -> None:
    page = visit("/model.html", viewport={"width": width, "height": 700})
    page.wait_for_selector("#numbers .ll-matrix")

    cut = page.eval_on_selector_all(
        ".ll-scroll", "boxes => boxes.map(box => box.scrollWidth - box.clientWidth)"
    )
    assert len(cut) >= 4
    assert max(cut) <= 0
    assert page.locator(".ll-matrix thead abbr", has_text="mel").is_visible()


# Height in pixels on 26 November 2026, before it was shortened.
TALL = {"phone": 11708, "desktop": 7272}


@pytest.mark.parametrize("size", TALL)
def test_the_first_page_is_a_third_as_long_as_it_was(visit: Visit, size: str) -> None:
    viewport = {"phone": visitor.PHONE, "desktop": visitor.DESKTOP}[size]
    page = visit(viewport=viewport, timezone_id="Asia/Kolkata")
    page.wait_for_selector("#countries details")

    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < 0.36 * TALL[size]  # fonts differ


@pytest.mark.parametrize("width", [320, 640, 1024, 1920, 3840])
def test_nothing_overflows_at_any_width(visit: Visit, lesion: bytes, width: int) -> None:
    # 640 corresponds to 1280 at a zoom of 200%, 320 to 1280 at 400%.
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


def test_the_page_stands_without_the_services_numbers(visit: Visit, lesion: bytes) -> None:
    page = visit("/model.html")
    page.route("**/v1/model", lambda route: route.abort())
    page.reload()

    page.wait_for_selector("#numbers button")
    assert "could not be read" in page.inner_text("#numbers")
    assert visitor.faults(page) == []
    page.unroute("**/v1/model")
    page.click("#numbers button")
    page.wait_for_selector("#numbers table")


def test_a_result_stands_without_the_services_numbers(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.route("**/v1/model", lambda route: route.abort())
    service.answer(page, service.result("mole"))
    visitor.check(page, lesion)

    assert "The model misses some cancers" in page.inner_text(".ll-chance")


def test_the_numbers_are_the_services(visit: Visit, site: str) -> None:
    page = visit("/model.html")
    page.wait_for_selector("#numbers .ll-matrix")

    facts = page.request.get(f"{site}/v1/model").json()
    shown = page.inner_text("#numbers")
    assert f"{facts['data']['images']:,}" in shown
    assert facts["version"] in shown
    assert page.locator("#numbers .ll-matrix td").count() == len(facts["classes"]) ** 2
    counts = page.locator("[aria-label='How good it is'] tbody td:nth-child(2)").all_inner_texts()
    # Under the prior under which the page's answers are given.
    per_class = facts["metrics"]["test"]["default"]["per_class"]
    assert counts == [f"{per_class[label]['images']:,}" for label in facts["classes"]]
    melanomas = per_class["mel"]["sensitivity"]["value"]
    found = page.locator("[aria-label='How good it is'] tbody tr:has-text('Melanoma') td")
    assert found.nth(1).inner_text().startswith(f"{melanomas:.0%} (")


def test_an_opened_disease_has_its_codes(visit: Visit, site: str) -> None:
    page = visit()

    page.click("#disease-mel summary")

    page.wait_for_selector("#disease-mel .ll-codes")
    assert page.locator("#diseases .ll-codes").count() == 7
    assert page.locator("#diseases .ll-codes .ll-tag").count() == 3
    assert page.locator("#address").text_content() == f"{site}/v1/classify"


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
    press_until("#yes")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=upload]")
    press_until("#image")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=chosen]")
    press_until("#consent")
    page.keyboard.press("Space")
    press_until("#send")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=result]")
    press_until(".ll-result .ll-actions button")


_SMALL = """() => [...document.querySelectorAll(
  "button, summary, .ll-button, nav a, input[type=range], .ll-links a, .ll-ways a")]
  .filter((node) => node.checkVisibility())
  .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.height, box.width) < 43.9)
  .map(([html]) => html)"""


def test_targets_are_large_enough_for_a_thumb(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)
    page.click(".ll-nav summary")
    assert page.evaluate(_SMALL) == []
    visitor.answer_yes(page)
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
    visitor.unfolded(page)
    track = page.locator("#result .ll-chart .ll-bar").first
    bar = page.locator("#result .ll-chart .ll-bar span").first
    assert track.evaluate(colours) != bar.evaluate(colours)
    fill = "node => getComputedStyle(node).fill"
    ring = page.locator(".ll-chance circle:not(.ll-marked)").first
    assert page.locator(".ll-chance .ll-marked").first.evaluate(fill) != ring.evaluate(fill)
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
