"""The main path: a visitor brings a picture and understands the answer."""

import io
import json
from email import message_from_bytes
from typing import Any

import pytest
from PIL import Image

from lesionlens.api import negotiation
from tests.web import service, visitor
from tests.web.conftest import Visit


def _sent(request: Any) -> tuple[str, str, bytes]:
    """File name, type and bytes of the one part of an upload."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    [part] = message_from_bytes(head + request.post_data_buffer).get_payload()
    assert part.get_param("name", header="content-disposition") == "image"
    return part.get_filename(), part.get_content_type(), part.get_payload(decode=True)


def test_from_picture_to_result_with_the_real_model(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)
    assert visitor.faults(page) == []

    visitor.choose(page, lesion)
    assert "600 × 450" in page.inner_text("#preview-text")
    assert visitor.faults(page) == []

    # No picture leaves before its owner has agreed.
    page.click(".ll-send")
    assert page.evaluate("document.activeElement.id") == "consent"
    assert page.get_attribute("body", "data-state") == "chosen"

    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")
    assert page.evaluate("document.activeElement.matches('#result h2')")
    values = page.eval_on_selector_all(
        "#result .ll-chart .ll-bar span",
        "bars => bars.map(bar => parseFloat(bar.style.inlineSize))",
    )
    assert len(values) == 7
    assert values == sorted(values, reverse=True)
    assert page.locator("#result .ll-chart--malignant .ll-tag").count() == 3
    assert "not a diagnosis" in page.inner_text("#result")
    assert "About one in" in page.inner_text("#result")
    assert "see a doctor" in page.inner_text(".ll-advice").lower()
    assert page.locator(".ll-stack__heat").get_attribute("alt").startswith("For “")
    assert visitor.faults(page) == []
    visitor.picture_of(page, "journey-result-phone")

    # Nothing is stored anywhere.
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_numbers_are_the_services(visit: Visit, site: str) -> None:
    page = visit()

    facts = page.request.get(f"{site}/v1/model").json()
    shown = page.inner_text("#numbers")
    assert f"{facts['data']['images']:,}" in shown
    assert facts["version"] in shown
    assert page.locator("#numbers .ll-matrix td").count() == len(facts["classes"]) ** 2
    assert page.locator("#diseases .ll-codes").count() == len(facts["classes"])
    assert page.locator("#diseases .ll-tag").count() == 3
    assert page.inner_text("#address") == f"{site}/v1/classify"
    counts = page.locator("[aria-label='How good it is'] tbody td:nth-child(2)").all_inner_texts()
    per_class = facts["metrics"]["test"]["per_class"]
    assert counts == [f"{per_class[label]['images']:,}" for label in facts["classes"]]


def test_the_picture_is_made_upright_and_small_and_loses_its_metadata(
    visit: Visit, phone_photograph: bytes
) -> None:
    page = visit()
    requests = service.answer(page, service.result())

    visitor.check(page, phone_photograph)

    _, kind, data = _sent(requests[0])
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
    assert page.is_hidden("#preview-image")
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")

    assert _sent(requests[0]) == ("spot.heic", "image/heic", heic)
    assert "cannot be shown" in page.inner_text(".ll-stack")


_TRANSFER = """([bytes, kind]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], "spot.jpg", { type: "image/jpeg" }));
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector("main").dispatchEvent(event);
  return event.defaultPrevented;
}"""


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(visit: Visit, lesion: bytes, way: str) -> None:
    page = visit()
    service.answer(page, service.result())

    assert page.evaluate(_TRANSFER, [list(lesion), way])
    page.wait_for_selector("body[data-state=chosen]")
    visitor.send(page)

    page.wait_for_selector("body[data-state=result]")


def test_the_camera_is_a_second_button(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)

    camera = page.locator("#camera")
    assert camera.get_attribute("capture") == "environment"
    camera.set_input_files({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": lesion})
    page.wait_for_selector("body[data-state=chosen]")


def test_another_picture_can_be_chosen_in_the_preview(visit: Visit, lesion: bytes) -> None:
    page = visit()
    visitor.choose(page, lesion)
    page.focus("#again")

    with page.expect_event("filechooser") as chooser:
        # Chromium 156 opens no chooser for the Enter of an automated keyboard.
        page.keyboard.press(" ")
        chooser.value.set_files({"name": "2.jpg", "mimeType": "image/jpeg", "buffer": lesion})

    page.wait_for_selector("body[data-state=chosen]")


def test_what_is_no_picture_is_refused_before_it_is_sent(visit: Visit) -> None:
    page = visit()
    requests = service.answer(page, service.result())

    page.set_input_files(
        "#image", {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    )

    page.wait_for_selector("#problem:not([hidden])")
    assert "letter.pdf" in page.inner_text("#problem")
    assert page.is_hidden("#problem-again")
    assert page.is_visible("#problem-other")
    assert page.evaluate("document.activeElement.id") == "problem"
    assert requests == []


def test_cancelling_keeps_the_picture(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, {}, service.result())
    visitor.choose(page, lesion)
    visitor.send(page)
    page.wait_for_selector("body[data-state=waiting]")
    assert visitor.faults(page) == []

    page.click("#cancel")

    page.wait_for_selector("body[data-state=chosen]")
    assert page.inner_text("#status") == "Cancelled. Nothing is kept."
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")


def test_after_two_seconds_the_page_says_that_the_service_wakes_up(
    visit: Visit, lesion: bytes
) -> None:
    page = visit()
    service.answer(page, {})
    visitor.choose(page, lesion)
    visitor.send(page)

    assert page.is_hidden("#waiting-note")
    page.wait_for_selector("#waiting-note:not([hidden])", timeout=4000)
    assert "waking up" in page.inner_text("#waiting-note")
    visitor.picture_of(page, "journey-waking")


@pytest.mark.parametrize("refusal", [(429, "too-many-requests"), (503, "model-unavailable")])
def test_a_busy_service_is_asked_again(
    visit: Visit, lesion: bytes, refusal: tuple[int, str]
) -> None:
    page = visit()
    requests = service.answer(
        page, service.problem(*refusal, **{"Retry-After": "2"}), service.result()
    )
    visitor.choose(page, lesion)
    visitor.send(page)

    page.wait_for_selector("text=Next try in")
    assert "(2 of 4)" in page.inner_text("#waiting-text")
    page.wait_for_selector("body[data-state=result]")
    assert len(requests) == 2


def test_asking_again_has_an_end(visit: Visit, lesion: bytes) -> None:
    page = visit()
    requests = service.answer(
        page, service.problem(503, "model-unavailable", **{"Retry-After": "1"})
    )
    visitor.choose(page, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")

    assert len(requests) == 4
    assert page.evaluate("document.activeElement.id") == "problem"
    assert "request test-1" in page.inner_text("#problem")
    assert visitor.faults(page) == []
    page.unroute("**/v1/classify*")
    service.answer(page, service.result())
    page.click("#problem-again")
    page.wait_for_selector("body[data-state=result]")


HOPELESS = {400: "malformed-request", 413: "body-too-large", 415: "unsupported-type",
            422: "truncated-image"}  # fmt: skip
WORTHWHILE = {408: "too-slow", 500: "internal-error", 502: "other"}


def test_another_try_is_offered_only_where_it_may_help(visit: Visit, lesion: bytes) -> None:
    page = visit()
    answers = HOPELESS | WORTHWHILE
    service.answer(page, *(service.problem(*answer) for answer in answers.items()))
    visitor.choose(page, lesion)
    for status in answers:
        visitor.send(page)
        page.wait_for_selector(f"#problem-support:has-text('Status {status},')")
        assert page.is_visible("#problem-again") is (status in WORTHWHILE), status
        assert page.is_visible("#problem-other") is (status in HOPELESS), status

    page.unroute("**/v1/classify*")
    page.route("**/v1/classify*", lambda route: route.abort())
    visitor.send(page)
    page.wait_for_selector("#problem-text:has-text('no connection')")
    assert page.is_visible("#problem-again")
    assert page.is_hidden("#problem-other")


def test_after_a_hopeless_picture_another_is_a_click_away(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.problem(413, "body-too-large"), service.result())
    visitor.choose(page, lesion)
    visitor.send(page)

    with page.expect_event("filechooser") as chooser:
        page.click("#problem-other")
    chooser.value.set_files({"name": "2.jpg", "mimeType": "image/jpeg", "buffer": lesion})

    page.wait_for_selector("#problem", state="hidden")
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")


def test_a_picture_that_is_not_recognized_gets_no_class(visit: Visit, lesion: bytes) -> None:
    page = visit()
    warning = {"code": "blurred", "message": "The image is blurred."}
    service.answer(page, service.result(recognized=False, input={"warnings": [warning]}))
    visitor.check(page, lesion)

    assert page.inner_text("#result-title") == "Not recognised"
    assert page.locator(".ll-headline__value").count() == 0
    assert page.locator(".ll-stack__heat").count() == 0
    assert page.get_attribute(".ll-advice", "data-urgency") == "unknown"
    # Warnings come before anything else, also for who listens.
    assert page.evaluate("document.querySelector('#result').firstElementChild.innerText").endswith(
        "The picture is blurred."
    )
    assert page.evaluate("document.activeElement.closest('.ll-warnings') !== null")
    assert visitor.faults(page) == []


@pytest.mark.parametrize(("flag", "level"), [(True, "soon"), (False, "watch")])
def test_what_to_do_next_follows_the_services_flag(
    visit: Visit, lesion: bytes, flag: bool, level: str
) -> None:
    page = visit()
    service.answer(page, service.result(recognized=None, flag=flag))
    visitor.check(page, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == level
    shown = page.inner_text("#result").lower()
    assert "cannot tell whether a picture" in shown
    assert "benign" not in shown
    assert "safe" not in shown
    if not flag:
        assert "Keratosis-like growth" in page.inner_text("#result-title")


def test_a_trace_of_melanoma_is_no_sign_of_melanoma(visit: Visit, lesion: bytes) -> None:
    """A benign headline, flagged: the largest malignant class is far below the threshold."""
    page = visit()
    answer = service.result(flag=False)
    answer["json"]["malignancy"] = {"probability": 0.085, "threshold": 0.072, "flag": True}
    service.answer(page, answer)
    visitor.check(page, lesion)
    assert page.get_attribute(".ll-advice", "data-urgency") == "appointment"


_APART = """async (pairs) => {
  const { apart } = await import("./js/text.js");
  return pairs.map((pair) => apart(...pair));
}"""


def test_figures_near_the_threshold_agree_with_its_words(visit: Visit, lesion: bytes) -> None:
    page = visit()
    near = service.result(flag=False)
    near["json"]["malignancy"] = {"probability": 0.0718, "threshold": 0.072113, "flag": False}
    reached = service.result(flag=False)
    reached["json"]["malignancy"] = {"probability": 0.072113, "threshold": 0.072113, "flag": True}
    service.answer(page, near, reached)

    visitor.check(page, lesion)
    assert "7.18%, below the threshold of 7.21%." in page.inner_text(".ll-headline")
    page.click(".ll-actions button")
    visitor.check(page, lesion)
    assert "7%, at or above the threshold of 7%." in page.inner_text(".ll-headline")

    # The page without JavaScript writes them alike.
    pairs = [(0.93, 0.07), (0.0718, 0.072113), (0.0721131, 0.072113), (0.1, 0.1), (0.002, 0.0064)]
    written = [list(negotiation.apart(*pair)) for pair in pairs]
    assert page.evaluate(_APART, pairs) == written


def test_the_heat_map_has_a_strength_and_words(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.check(page, lesion)

    page.locator("#strength").fill("20")

    heat = page.locator(".ll-stack__heat")
    assert heat.evaluate("image => image.style.opacity") == "0.2"
    assert "this part: top left" in heat.get_attribute("alt")
    frame = page.locator(".ll-stack__region").evaluate("node => node.style.left")
    assert frame == "12.5%"


def test_the_result_can_be_saved(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.check(page, lesion)

    with page.expect_download() as saved:
        page.click("text=Save result (JSON)")
    assert saved.value.suggested_filename == "lesionlens-test-2.json"
    assert json.loads(saved.value.path().read_text())["request_id"] == "test-2"

    with page.expect_download() as saved:
        page.click("text=Save as image")
    assert saved.value.suggested_filename == "lesionlens-test-2.png"
    with Image.open(saved.value.path()) as image:
        assert image.width == 1080
        assert image.height > 1080


# Notes what is written on a canvas, from which height on, and how high the canvas is.
_WATCHED = """() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  window.written = [];
  CanvasRenderingContext2D.prototype.fillText = function (words, x, y) {
    window.written.push([words, y, this.canvas.height]);
    write.call(this, words, x, y);
  };
}"""

# All that the page says of the result, and in its footer; not what its controls are called.
_SAID = """() => {
  const controls = "button, a, label, summary";
  const texts = [];
  for (const part of document.querySelectorAll("#result, .ll-foot")) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { parentElement: parent, textContent } = walker.currentNode;
      if (parent.checkVisibility() && !parent.closest(controls)) texts.push(textContent.trim());
    }
  }
  return texts.filter(Boolean);
}"""


@pytest.mark.parametrize(("language", "recognized"), [("en", True), ("hi", False), ("mr", None)])
def test_a_saved_image_says_no_less_than_the_page(
    visit: Visit, lesion: bytes, language: str, recognized: bool | None
) -> None:
    page = visit(f"/?lang={language}")
    warnings = [
        {"code": code, "message": f"The image is {code}."} for code in ("blurred", "unheard-of")
    ]
    service.answer(page, service.result(recognized, input={"warnings": warnings}))
    visitor.check(page, lesion)
    page.evaluate(_WATCHED)

    with page.expect_download() as saved:
        page.click(".ll-actions button:last-child")

    with Image.open(saved.value.path()) as image:
        height = image.height
    lines = [(words, top) for words, top, whole in page.evaluate("written") if whole == height]
    written = " ".join(words for words, _ in lines)
    assert all(0 < top < height - 22 for _, top in lines)
    said = page.evaluate(_SAID)
    assert [words for words in said if " ".join(words.split()) not in written] == []
    # What must be there, whatever the page says.
    texts = json.loads((visitor.WEB / "text" / f"{language}.json").read_text())
    for words in ("The image is unheard-of.", texts["warning"]["blurred"],
                  texts["result"]["notice"], texts["page"]["notice"]):  # fmt: skip
        assert words in written
    assert (texts["result"]["above"].format(percent="31%") in written) is (recognized is not False)
    (visitor.ARTEFACTS / f"saved-{language}.png").write_bytes(saved.value.path().read_bytes())


def test_the_language_follows_the_browser_and_switches_without_losing_the_result(
    visit: Visit, lesion: bytes
) -> None:
    page = visit(locale="mr-IN")
    assert page.get_attribute("html", "lang") == "mr"
    service.answer(page, service.result())
    visitor.check(page, lesion)

    page.click("[hreflang=hi]")

    page.wait_for_selector("html[lang=hi]")
    assert "मेलेनोमा" in page.inner_text("#result-title")
    assert page.url.endswith("?lang=hi")
    assert page.locator("[aria-current]").inner_text() == "हिन्दी"
    assert visitor.faults(page) == []


def test_without_javascript_the_form_posts_and_reads_a_page(visit: Visit, lesion: bytes) -> None:
    page = visit(ready=False, java_script_enabled=False)
    assert "sent unchanged" in page.inner_text("form noscript")
    assert page.locator("#image").bounding_box()["height"] >= 44
    assert page.is_hidden(".ll-languages")
    visitor.picture_of(page, "journey-no-javascript")

    page.set_input_files("#image", {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": lesion})
    page.check("#consent")
    with page.expect_response("**/v1/classify") as answered:
        page.click(".ll-send")

    assert answered.value.headers["content-type"].startswith("text/html")
    page.wait_for_load_state()
    assert page.locator("h1").count() == 1
    assert "not a diagnosis" in page.inner_text("body").lower()
    visitor.picture_of(page, "journey-no-javascript-result")


_INLINE = """() => new Promise((done) => {
  document.addEventListener("securitypolicyviolation", (event) => {
    done(event.effectiveDirective);
  });
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
})"""


def test_the_policy_allows_nothing_inline(browser: Any, site: str) -> None:
    # Not by `visit`: the browser writes to the console what it refuses, and here it shall refuse.
    page = browser.new_page()
    response = page.goto(site)

    assert "unsafe" not in response.headers["content-security-policy"]
    assert page.evaluate(_INLINE) == "script-src-elem"
    assert page.evaluate("window.ran") is None
    page.close()
