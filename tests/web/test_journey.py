"""The main path from the first question to the result, and its errors."""

from typing import Any

import pytest

from tests.web import service, visitor
from tests.web.conftest import Visit


def test_from_picture_to_result_with_the_real_model(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)
    assert visitor.faults(page) == []
    assert page.is_visible("#question")

    visitor.choose(page, lesion)
    assert "has been removed" in page.inner_text("#preview-text")
    assert visitor.faults(page) == []

    # Nothing is sent without consent.
    page.click("#send")
    assert page.evaluate("document.activeElement.id") == "consent"
    assert page.is_visible("#consent-missing")
    assert visitor.faults(page) == []
    assert page.get_attribute("body", "data-state") == "chosen"

    page.check("#consent")
    assert page.is_hidden("#consent-missing")
    page.click("#send")
    page.wait_for_selector("body[data-state=result]")
    assert page.evaluate("document.activeElement.id") == "result-title"
    visitor.unfolded(page)
    values = page.eval_on_selector_all(
        "#result .ll-chart .ll-bar span",
        "bars => bars.map(bar => parseFloat(bar.style.inlineSize))",
    )
    assert len(values) == 7
    assert values == sorted(values, reverse=True)
    assert page.locator("#result .ll-chart--malignant .ll-tag").count() == 3
    assert "not a diagnosis" in page.inner_text("#result")
    assert "Of 100 pictures like this" in page.inner_text(".ll-chance")
    assert visitor.faults(page) == []
    visitor.picture_of(page, "journey-result-phone")

    # Nothing is stored anywhere.
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_first_question_leads_those_without_a_dermatoscope_to_help(visit: Visit) -> None:
    page = visit(viewport=visitor.PHONE)

    page.click("#no")

    page.wait_for_url("**/without.html*")
    page.wait_for_selector("#countries details")
    told = page.inner_text("main")
    for words in ("Asymmetry", "Border", "Colour", "Diameter", "Evolving", "unlike all your other",
                  "does not heal", "How to find a doctor", "What a dermatoscope is"):  # fmt: skip
        assert words in told
    assert visitor.faults(page) == []
    page.click("text=I have such a picture")
    page.wait_for_selector("body[data-state=upload]")


@pytest.mark.parametrize("language", visitor.LANGUAGES)
def test_one_screen_of_a_telephone_holds_question_answers_and_examples(
    visit: Visit, language: str
) -> None:
    page = visit(f"/?lang={language}", viewport=visitor.PHONE)

    for part in ("#question-title", "#yes", "#no"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] < visitor.PHONE["height"], part
    # As fonts differ, only the top must be visible.
    assert page.locator("[data-example]").first.bounding_box()["y"] < visitor.PHONE["height"]


@pytest.mark.parametrize(("size", "told"), [("phone", False), ("desktop", True)])
def test_dropping_and_pasting_is_offered_where_there_is_a_mouse(
    visit: Visit, size: str, told: bool
) -> None:
    page = visit(viewport={"phone": visitor.PHONE, "desktop": visitor.DESKTOP}[size])
    visitor.answer_yes(page)
    assert page.is_visible(".ll-drop__hint") is told


def test_examples_show_a_result_without_a_picture_of_ones_own(visit: Visit) -> None:
    page = visit()

    for example in page.locator("[data-example]").all():
        example.click()
        page.wait_for_selector("body[data-state=result]")
        assert "not your skin" in page.inner_text("#result .ll-note >> nth=0")
        assert page.inner_text("#result-title").endswith(("weeks", "doctor", "on it"))
        page.go_back()
        page.go_back()
        page.wait_for_selector("body[data-state=empty]")


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
    visitor.answer_yes(page)

    camera = page.locator("#camera")
    assert camera.get_attribute("capture") == "environment"
    camera.set_input_files({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": lesion})
    page.wait_for_selector("body[data-state=chosen]")


def test_another_picture_can_be_chosen_in_the_preview(visit: Visit, lesion: bytes) -> None:
    page = visit()
    visitor.choose(page, lesion)

    with page.expect_file_chooser() as chooser:
        # Chromium 156 opens no file chooser for Enter on an automated keyboard.
        page.press("#again", " ")
    chooser.value.set_files({"name": "2.jpg", "mimeType": "image/jpeg", "buffer": lesion})

    page.wait_for_selector("body[data-state=chosen]")


def test_cancelling_keeps_the_picture(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, {}, service.result())
    visitor.choose(page, lesion)
    visitor.send(page)
    page.wait_for_selector("body[data-state=waiting]")
    assert page.get_attribute("#waiting-image", "src").startswith("blob:")
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


# ---- Back and Forward ---------------------------------------------------------------------------


def test_back_and_forward_lead_through_the_steps_and_keep_the_result(
    visit: Visit, lesion: bytes
) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.check(page, lesion)
    title = page.inner_text("#result-title")

    page.click("text=About this disease")
    page.go_back()
    assert page.get_attribute("body", "data-state") == "result"
    page.go_back()
    page.wait_for_selector("body[data-state=chosen]")
    page.go_back()
    page.wait_for_selector("body[data-state=empty]")
    page.go_forward()
    page.wait_for_selector("body[data-state=chosen]")
    page.go_forward()
    page.wait_for_selector("body[data-state=result]")

    assert page.inner_text("#result-title") == title


def test_the_result_survives_a_visit_to_another_page(
    keeping_page: Any, site: str, lesion: bytes
) -> None:
    """The page must be eligible for the back/forward cache."""
    page = keeping_page
    page.goto(site)
    page.wait_for_selector("#send:not([disabled])", state="attached")
    visitor.check(page, lesion)
    title = page.inner_text("#result-title")

    page.goto(f"{site}/model.html")
    page.wait_for_selector("#numbers table")
    # A page restored from the cache fires no load event.
    page.go_back(wait_until="commit")

    page.wait_for_selector("body[data-state=result]")
    assert page.inner_text("#result-title") == title


def test_an_address_of_a_result_without_one_begins_anew(visit: Visit) -> None:
    page = visit("/#result")

    assert page.get_attribute("body", "data-state") == "upload"


# ---- what goes wrong ----------------------------------------------------------------------------


def test_what_is_no_picture_is_refused_before_it_is_sent(visit: Visit) -> None:
    page = visit()
    requests = service.answer(page, service.result())
    visitor.answer_yes(page)

    page.set_input_files(
        "#image", {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    )

    page.wait_for_selector("#problem:not([hidden])")
    assert "letter.pdf" in page.inner_text("#problem")
    assert page.is_hidden("#problem-again")
    assert page.is_visible("#problem-other")
    assert page.evaluate("document.activeElement.id") == "problem"
    assert requests == []


@pytest.mark.parametrize("refusal", [(429, "too-many-requests"), (503, "model-unavailable")])
def test_a_busy_service_is_asked_again(
    visit: Visit, lesion: bytes, refusal: tuple[int, str]
) -> None:
    page = visit()
    retry: dict[str, Any] = {"Retry-After": "2"}
    requests = service.answer(page, service.problem(*refusal, **retry), service.result())
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


@pytest.mark.parametrize("language", ["hi", "mr"])
def test_an_error_holds_no_english(visit: Visit, lesion: bytes, language: str) -> None:
    page = visit(f"/?lang={language}")
    service.answer(page, service.problem(422, "truncated-image"))
    visitor.choose(page, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    told = page.inner_text("#problem").replace("test-1", "")
    assert service.DETAIL not in told
    assert [word for word in told.split() if word.isascii() and word.isalpha()] == []


# ---- languages ----------------------------------------------------------------------------------


def test_the_language_follows_the_browser_and_switches_without_losing_the_result(
    visit: Visit, lesion: bytes
) -> None:
    page = visit(locale="mr-IN")
    assert page.get_attribute("html", "lang") == "mr"
    service.answer(page, service.result())
    visitor.check(page, lesion)

    page.click(".ll-languages summary")
    page.click("[hreflang=hi]")

    page.wait_for_selector("html[lang=hi]")
    assert "डॉक्टर" in page.inner_text("#result-title")
    assert "lang=hi" in page.url
    assert page.get_attribute("body", "data-state") == "result"
    assert page.locator("[aria-current]").get_attribute("hreflang") == "hi"
    assert visitor.faults(page) == []


def test_languages_are_named_in_latin_letters_too(visit: Visit) -> None:
    page = visit()
    page.click(".ll-languages summary")

    names = page.locator("[hreflang]").all_inner_texts()
    assert names == ["English", "हिन्दी Hindi", "मराठी Marathi"]


def test_a_chosen_language_is_kept_on_the_other_pages(visit: Visit) -> None:
    page = visit("/?lang=hi")

    page.click("#no")

    page.wait_for_url("**/without.html?lang=hi")
    page.wait_for_selector("html[lang=hi]")
