"""Several pictures of one lesion: choice, preview and the combined answer."""

import io
import json
from typing import Any

import pytest
from PIL import Image, ImageFilter

from tests.pictures import dermatoscopic
from tests.web import service, visitor
from tests.web.conftest import Visit

pytestmark = pytest.mark.slow


def _files(*pictures: bytes) -> list[dict[str, Any]]:
    return [
        {"name": f"{i}.jpg", "mimeType": "image/jpeg", "buffer": picture}
        for i, picture in enumerate(pictures, 1)
    ]


def _choose(page: Any, *pictures: bytes) -> None:
    visitor.answer_yes(page)
    page.set_input_files("#image", _files(*pictures))
    page.wait_for_selector(f"#tray li:nth-child({len(pictures)})")


def _check(page: Any, *pictures: bytes) -> None:
    _choose(page, *pictures)
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")


@pytest.fixture(scope="module")
def blurred() -> bytes:
    buffer = io.BytesIO()
    dermatoscopic(600, 450).filter(ImageFilter.GaussianBlur(12)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_one_picture_shows_no_list_but_the_way_to_another(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.choose(page, lesion)
    assert page.locator("#tray *").count() == 0
    assert page.is_visible("label[for=more]")

    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")
    assert page.locator(".ll-several").count() == 0


def test_pictures_are_added_looked_over_and_removed(
    visit: Visit, lesion: bytes, blurred: bytes
) -> None:
    page = visit(viewport=visitor.PHONE)
    visitor.choose(page, lesion)
    page.check("#consent")

    page.set_input_files("#more", _files(blurred))
    page.wait_for_selector("#tray li:nth-child(2)")

    # Consent to one picture does not cover two.
    assert not page.is_checked("#consent")
    assert "these pictures" in page.inner_text("label[for=consent]")
    page.wait_for_selector("#tray li:nth-child(2) .ll-tray__fault")
    assert "blurred" in page.inner_text("#quality")
    assert page.locator("#tray li:nth-child(1) .ll-tray__fault").count() == 0
    page.click("#tray li:nth-child(1) button")
    assert page.inner_text("#quality") == ""
    assert page.get_attribute("#tray [aria-pressed=true]", "aria-pressed")
    assert visitor.faults(page) == []
    page.set_input_files("#more", _files(lesion, lesion))
    page.wait_for_selector("#tray li:nth-child(3)")
    assert page.locator("#tray li").count() == 3
    assert page.locator("#more").count() == 0
    visitor.picture_of(page, "several-chosen")

    for _ in range(2):
        page.click("#tray > button")
    assert page.locator("#tray *").count() == 0
    assert "this picture" in page.inner_text("label[for=consent]")
    assert page.is_visible("#again")


def test_the_square_is_moved_for_each_picture(visit: Visit, lesion: bytes) -> None:
    page = visit()
    requests = service.answer(page, service.result())
    _choose(page, lesion, lesion)
    page.click(".ll-crop-sliders summary")
    page.fill("#crop-size", "300")
    page.click("#tray li:nth-child(1) button")
    assert page.input_value("#crop-size") == "450"
    page.click("#tray li:nth-child(2) button")
    assert page.input_value("#crop-size") == "300"
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")

    sizes = [Image.open(io.BytesIO(visitor.sent(request)[2])).size for request in requests]
    assert sizes == [(600, 450), (300, 300)]


def test_those_that_agree_give_one_answer(visit: Visit, lesion: bytes) -> None:
    page = visit(viewport=visitor.PHONE)
    requests = service.answer(page, service.result("mole"))
    _check(page, lesion, lesion)

    assert len(requests) == 2
    assert page.locator("#result .ll-advice").count() == 1
    assert "lead to the same advice" in page.inner_text(".ll-several")
    assert visitor.faults(page) == []
    visitor.picture_of(page, "several-agree")
    page.click("text=For professionals")
    with page.expect_download() as saved:
        page.click("text=The answer as data (JSON)")
    assert len(json.loads(saved.value.path().read_text())["results"]) == 2


@pytest.mark.parametrize("order", [("mole", "melanoma"), ("melanoma", "mole")])
def test_those_that_differ_are_told_and_the_most_urgent_decides(
    visit: Visit, lesion: bytes, order: tuple[str, str]
) -> None:
    page = visit()
    service.answer(page, *map(service.result, order))
    _check(page, lesion, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == "soon"
    assert "about 76 were" in page.inner_text(".ll-chance")
    told = page.locator(".ll-several li").all_inner_texts()
    assert "different advice" in page.inner_text(".ll-several")
    assert "about 76" in told[order.index("melanoma")]
    assert "about 2" in told[order.index("mole")]
    page.emulate_media(media="print")
    assert "different advice" in page.inner_text(".ll-paper")


LEFT_OUT = {
    "close-up": (service.result(kind="close-up"), "not look like a picture through"),
    "blurred": (
        service.result("mole", input={"warnings": [{"code": "blurred", "message": "x"}]}),
        "blurred",
    ),
    "unreadable": (service.problem(422, "truncated-image"), "incomplete"),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("why", LEFT_OUT)
def test_what_says_nothing_is_left_out_with_its_reason(
    visit: Visit, lesion: bytes, why: str, first: bool
) -> None:
    page = visit()
    answer, words = LEFT_OUT[why]
    good = service.result("mole")
    service.answer(page, *((answer, good) if first else (good, answer)))
    _check(page, lesion, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == "watch"
    assert "Only one picture could be judged" in page.inner_text(".ll-several")
    told = page.locator(".ll-several li").all_inner_texts()[0 if first else 1]
    assert "Left out" in told
    assert words in told


def test_where_none_can_be_judged_that_is_said(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result(kind="close-up"), service.result(kind="other"))
    _check(page, lesion, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == "unknown"
    assert "None of the pictures" in page.inner_text(".ll-several")
    assert page.locator(".ll-chance").count() == 0


def test_where_none_can_be_read_nothing_is_answered(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.problem(422, "truncated-image"))
    _choose(page, lesion, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    assert page.locator("#tray li").count() == 2


def test_a_lost_connection_ends_the_check_of_all(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result(), service.problem(500, "internal-error"))
    _choose(page, lesion, lesion)
    visitor.send(page)

    page.wait_for_selector("#problem:not([hidden])")
    assert page.get_attribute("body", "data-state") == "chosen"
    assert page.is_visible("#problem-again")


@pytest.mark.parametrize("language", ["hi", "mr"])
def test_it_is_told_in_each_language(visit: Visit, lesion: bytes, language: str) -> None:
    page = visit(f"/?lang={language}", viewport=visitor.PHONE)
    service.answer(page, service.result("mole"), service.result("melanoma"))
    _choose(page, lesion, lesion)
    assert visitor.faults(page) == []
    visitor.send(page)
    page.wait_for_selector("body[data-state=result]")

    texts = json.loads((visitor.WEB / "text" / "answer" / f"{language}.json").read_text())
    assert texts["several"]["differ"] in page.inner_text(".ll-several")
    assert visitor.faults(page) == []
    visitor.picture_of(page, f"several-{language}")


def test_they_are_checked_on_the_device_too(visit: Visit, lesion: bytes) -> None:
    page = visit()
    posts: list[str] = []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    _choose(page, lesion, lesion)

    page.click("#device-check:visible")
    page.wait_for_selector("body[data-state=result]", timeout=120_000)

    assert page.locator(".ll-several li").count() == 2
    assert posts == []
