"""Preparation and sending of pictures, and the messages beforehand."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.pictures import dermatoscopic, encoded
from tests.web import service, visitor
from tests.web.conftest import Visit


def test_a_picture_is_drawn_apart_from_the_page(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.evaluate("""() => {
      const draw = createImageBitmap;
      window.drawn = 0;
      window.createImageBitmap = (...given) => { window.drawn += 1; return draw(...given); };
    }""")
    visitor.choose(page, lesion)
    assert page.evaluate("drawn") == 0
    # Without the worker, the page draws itself.
    page.route("**/redraw-worker.js", lambda route: route.abort())
    page.set_input_files("#image", [])
    visitor.choose(page, lesion)
    page.wait_for_function("drawn === 1")


def test_the_picture_is_made_upright_and_small_and_loses_its_metadata(
    visit: Visit, phone_photograph: bytes
) -> None:
    page = visit()
    requests = service.answer(page, service.result())

    visitor.check(page, phone_photograph)

    _, kind, data = visitor.sent(requests[0])
    sent = Image.open(io.BytesIO(data))
    assert kind == "image/jpeg"
    assert sent.size == (768, 1024)
    assert not sent.getexif()
    assert len(data) < len(phone_photograph)


def test_what_the_browser_cannot_draw_is_sent_unchanged_and_the_page_says_so(visit: Visit) -> None:
    page = visit()
    requests = service.answer(page, service.result())
    heic = b"\0\0\0\x18ftypheic" + bytes(100)

    visitor.choose(page, heic, "spot.heic", "image/heic")
    assert "sent unchanged" in page.inner_text("#preview-text")
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")

    assert visitor.sent(requests[0]) == ("spot.heic", "image/heic", heic)
    assert "cannot be shown" in page.inner_text(".ll-picture")


def test_who_agreed_to_a_prepared_picture_is_asked_again_for_an_unchanged_one(
    visit: Visit, lesion: bytes
) -> None:
    page = visit()
    visitor.choose(page, lesion)
    page.check("#consent")

    visitor.choose(page, b"\0\0\0\x18ftypheic", "spot.heic", "image/heic")

    page.wait_for_selector("#preview-text:has-text('sent unchanged')")
    assert not page.is_checked("#consent")


# ---- a page that is not ready -------------------------------------------------------------------

LATE = {"a script": "**/js/check.js", "the start": "**/js/home.js", "a text": "**/text/*.json"}


class _Gate:
    """Delays requests that match a pattern until it is opened."""

    def __init__(self, page: Any, pattern: str) -> None:
        self._held: list[Any] | None = []
        page.route(pattern, self._hold)

    def _hold(self, route: Any) -> None:
        if self._held is None:
            route.continue_()
        else:
            self._held.append(route)

    def open(self) -> None:
        held, self._held = self._held or [], None
        for route in held:
            route.continue_()


def _unready(visit: Visit, pattern: str) -> tuple[Any, _Gate, list[Any]]:
    """A page with delayed files, the gate that delays them, and the page's POST requests."""
    page = visit(ready=False)
    gate = _Gate(page, pattern)
    posts: list[Any] = []
    page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    page.goto(page.url, wait_until="commit")
    page.wait_for_selector("#yes")
    page.click("#yes")
    return page, gate, posts


def _insist(page: Any, picture: bytes) -> None:
    """Choose, consent and send in every way that a visitor can."""
    page.set_input_files("#image", {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": picture})
    for control in ("consent", "send"):
        # In one step, since the page may hide the control at any moment.
        page.evaluate(
            """id => {
                const control = document.getElementById(id);
                if (control.checkVisibility()) { control.focus(); control.click(); }
            }""",
            control,
        )
        page.keyboard.press("Enter")
    page.focus("#image")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("late", LATE)
def test_a_picture_chosen_before_the_page_is_ready_is_taken_up_and_loses_its_place(
    visit: Visit, phone_photograph: bytes, late: str
) -> None:
    page, gate, posts = _unready(visit, LATE[late])
    _insist(page, phone_photograph)
    assert page.is_visible("#starting")
    assert posts == []

    gate.open()
    page.wait_for_selector("body[data-state=chosen]")
    assert "camera's data, such as the place, has been removed" in page.inner_text("#preview-text")
    page.check("#consent")
    with page.expect_request("**/v1/classify*") as sent:
        page.click("#send")

    _, _, data = visitor.sent(sent.value)
    assert not Image.open(io.BytesIO(data)).getexif()
    assert b"Exif" not in data


@pytest.mark.parametrize("late", LATE)
def test_nothing_is_sent_by_a_page_whose_files_never_arrive(
    visit: Visit, phone_photograph: bytes, late: str
) -> None:
    page = visit(ready=False)
    posts: list[Any] = []
    page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    page.route(LATE[late], lambda route: route.abort())
    page.goto(page.url)
    page.click("#yes")

    _insist(page, phone_photograph)
    page.wait_for_timeout(500)

    assert page.is_visible("#starting")
    assert posts == []


def test_an_answer_whose_words_do_not_load_is_not_asked_for(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.route("**/text/answer/*.json", lambda route: route.abort())
    visitor.answer_yes(page)

    page.set_input_files("#image", {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": lesion})

    page.wait_for_selector("#problem:not([hidden])")
    assert "no connection" in page.inner_text("#problem-text")


# ---- the square ---------------------------------------------------------------------------------


def test_the_square_that_the_model_sees_can_be_moved_and_is_what_is_sent(visit: Visit) -> None:
    page = visit()
    requests = service.answer(page, service.result())
    wide = Image.new("RGB", (800, 400), (220, 170, 150))
    wide.paste((120, 70, 50), (0, 0, 200, 400))
    buffer = io.BytesIO()
    wide.save(buffer, "JPEG")
    visitor.choose(page, buffer.getvalue())
    page.click(".ll-crop-sliders summary")

    page.locator("#crop-across").fill("0")
    page.locator("#crop-size").fill("300")
    page.locator("#crop-across").fill("0")
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")

    sent = Image.open(io.BytesIO(visitor.sent(requests[0])[2])).convert("RGB")
    assert sent.size == (300, 300)
    red = np.asarray(sent)[150, :, 0]
    assert red[20] < 140 < 200 < red[280]


def test_the_square_follows_the_finger_and_stays_inside(visit: Visit, lesion: bytes) -> None:
    page = visit()
    visitor.choose(page, lesion)
    box = page.locator(".ll-crop").bounding_box()
    left = page.locator(".ll-crop__square").bounding_box()["x"]

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2)
    assert page.locator(".ll-crop__square").bounding_box()["x"] == pytest.approx(left + 20, abs=1)
    page.mouse.move(box["x"] + 3 * box["width"], box["y"])
    page.mouse.up()

    square = page.locator(".ll-crop__square").bounding_box()
    assert square["x"] + square["width"] == pytest.approx(box["x"] + box["width"], abs=1)
    assert square["y"] == pytest.approx(box["y"], abs=1)


# ---- what could be better ------------------------------------------------------------------------

FAULTY = {
    "blurred": dermatoscopic(600, 450).filter(ImageFilter.GaussianBlur(12)),
    "very dark": dermatoscopic(600, 450).point(lambda value: value // 12),
    "very bright": dermatoscopic(600, 450).point(lambda value: 225 + value // 9),
    "too few pixels": dermatoscopic(72, 60),
}


def test_who_reads_about_privacy_before_consent_keeps_the_picture(
    visit: Visit, lesion: bytes
) -> None:
    page = visit(viewport=visitor.PHONE)
    visitor.choose(page, lesion)
    page.click("text=How your picture is handled")

    assert page.is_visible("#privacy li")
    page.go_back()
    assert page.get_attribute("body", "data-state") == "chosen"
    assert page.is_visible(".ll-crop")


@pytest.mark.parametrize("fault", FAULTY)
def test_what_could_be_better_is_said_before_anything_is_sent(visit: Visit, fault: str) -> None:
    page = visit()
    requests = service.answer(page, service.result())

    visitor.choose(page, encoded(FAULTY[fault], "PNG"), "spot.png", "image/png")

    page.wait_for_selector(f"#quality:has-text('{fault}')")
    assert "could be better" in page.inner_text("#quality")
    assert page.locator("#consent:checked").count() == 0
    assert requests == []


# ---- without JavaScript -------------------------------------------------------------------------


def test_without_javascript_the_form_posts_and_reads_a_page(visit: Visit, lesion: bytes) -> None:
    page = visit(ready=False, java_script_enabled=False)
    assert "sent unchanged" in page.inner_text("form")
    assert page.locator("#image").bounding_box()["height"] >= 44
    assert page.is_hidden(".ll-languages")
    visitor.picture_of(page, "journey-no-javascript")

    page.set_input_files("#image", {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": lesion})
    page.check("#consent")
    with page.expect_response("**/v1/classify") as answered:
        page.click(".ll-send:visible")

    assert answered.value.headers["content-type"].startswith("text/html")
    page.wait_for_load_state()
    assert page.locator("h1").count() == 1
    assert "not a diagnosis" in page.inner_text("body").lower()
    assert page.evaluate("document.querySelector('.ll-picture img').naturalWidth") == 600
    assert page.get_attribute("text=How to find a doctor", "href") == "../without.html#doctor"
    visitor.picture_of(page, "journey-no-javascript-result")


@pytest.mark.parametrize("address", ["/no-such-page", "/v1/no-such-thing"])
def test_an_address_that_does_not_exist_helps_patients(
    visit: Visit, site: str, address: str
) -> None:
    page = visit(ready=False)

    answer = page.goto(site + address)

    assert answer.status == 404
    told = page.inner_text("body")
    assert "This page does not exist" in told
    assert "/v1/classify" not in told
    assert page.get_attribute("text=Check a picture", "href") == "/#check"
    assert visitor.faults(page) == []


_INLINE = """() => new Promise((done) => {
  document.addEventListener("securitypolicyviolation", (event) => {
    done(event.effectiveDirective);
  });
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
})"""


def test_the_policy_allows_nothing_inline(browser: Any, site: str) -> None:
    # Not with `visit`, which fails on console errors: here the policy should block.
    page = browser.new_page()
    response = page.goto(site)

    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")
    assert "manifest-src 'self'" in policy
    assert page.evaluate(_INLINE) == "script-src-elem"
    assert page.evaluate("window.ran") is None
    page.close()
