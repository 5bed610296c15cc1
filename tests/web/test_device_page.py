"""The page's check on the device: offers, messages, refusals, offline use."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import server
from tests.pictures import dermatoscopic
from tests.releases import MANIFEST_DOCUMENT, VERSION
from tests.web import device_pictures, visitor
from tests.web.conftest import Visit
from tests.web.visitor import WEB

pytestmark = pytest.mark.slow

ANSWER_MS = 120_000  # on a busy machine
PAGE_BYTES = 600_000  # as in web/js/device.js
MODEL = "**/releases/*/model.tflite"


def _here(page: Any) -> None:
    """Check the chosen picture on the device."""
    page.click("#device-check:visible")
    page.wait_for_selector("body[data-state=result]", timeout=ANSWER_MS)


def _refused(page: Any) -> str:
    page.click("#device-check:visible")
    page.wait_for_selector("#problem:visible", timeout=ANSWER_MS)
    assert page.get_attribute("body", "data-state") == "chosen"
    return str(page.inner_text("#problem-text"))


def _posts(page: Any) -> list[str]:
    sent: list[str] = []

    def note(request: Any) -> None:
        if request.method != "GET":
            sent.append(request.url)

    page.on("request", note)
    return sent


def test_the_answer_is_drawn_as_the_servers_and_nothing_is_sent(
    visit: Visit, lesion: bytes
) -> None:
    page = visit()
    sent = _posts(page)
    visitor.choose(page, lesion)
    page.wait_for_selector("#device-check:visible")
    said = page.inner_text("#device-text")
    size = sum(file["size"] for file in MANIFEST_DOCUMENT["files"].values())
    assert f"about {-(-(size + PAGE_BYTES) // 100_000) / 10} MB" in said
    visitor.picture_of(page, "device-offer")

    _here(page)

    assert sent == []
    assert "The picture was not sent" in page.inner_text("#result")
    assert VERSION in page.text_content("#result")
    title = page.inner_text("#result-title")
    visitor.picture_of(page, "device-result")
    page.click("button:has-text('Check another picture')")
    visitor.check(page, lesion)
    assert page.inner_text("#result-title") == title
    assert len(sent) == 1


def test_a_model_altered_by_one_byte_is_not_used(visit: Visit, lesion: bytes) -> None:
    page = visit()

    def spoil(route: Any) -> None:
        body = bytearray(route.fetch().body())
        body[len(body) // 2] ^= 1
        route.fulfill(body=bytes(body), content_type="application/octet-stream")

    page.route(MODEL, spoil)
    sent = _posts(page)
    visitor.choose(page, lesion)
    assert "damaged" in _refused(page)
    assert sent == []
    assert not page.is_visible("#problem-again")
    assert page.evaluate("caches.has('lesionlens-release')") is False


def test_a_kept_model_altered_by_one_byte_is_not_used(visit: Visit, lesion: bytes) -> None:
    page = visit()
    visitor.choose(page, lesion)
    _here(page)
    page.evaluate("""async () => {
      const kept = await caches.open("lesionlens-release");
      const [key] = (await kept.keys()).filter(({ url }) => url.endsWith("model.tflite"));
      const bytes = new Uint8Array(await (await kept.match(key)).arrayBuffer());
      bytes[1000] ^= 1;
      await kept.put(key, new Response(bytes));
    }""")
    page.click("button:has-text('Check another picture')")
    visitor.choose(page, lesion)
    assert "damaged" in _refused(page)


def test_a_browser_that_calculates_otherwise_gives_no_answer(visit: Visit, lesion: bytes) -> None:
    page = visit()

    def other(route: Any) -> None:
        document = route.fetch().json()
        document["check"][0]["exact"]["logits"] = "0" * 64
        route.fulfill(json=document)

    page.route("**/v1/device", other)
    visitor.choose(page, lesion)
    assert "does not calculate as the server does" in _refused(page)


def test_another_release_of_the_service_is_offered(visit: Visit, lesion: bytes) -> None:
    page = visit()
    visitor.choose(page, lesion)
    _here(page)
    page.click("button:has-text('Check another picture')")
    visitor.choose(page, lesion)
    page.wait_for_selector("#device-check.ll-button--main:has-text('Check on this device')")

    files = {**MANIFEST_DOCUMENT["files"], "model.tflite": {"size": 1, "sha256": "0" * 64}}
    newer = {**MANIFEST_DOCUMENT, "version": "20991231-00000000", "files": files}
    page.context.route("**/v1/model", lambda route: route.fulfill(json=newer))
    page.reload()
    visitor.choose(page, lesion)
    page.wait_for_selector("#device-text:has-text('newer model')")


@pytest.mark.parametrize("kind", ["heic", "dicom", "tiff", "bmp", "gif", "avif"])
def test_what_only_the_server_reads_is_said_before(visit: Visit, kind: str) -> None:
    page = visit()
    media_type = "application/dicom" if kind == "dicom" else f"image/{kind}"
    picture = device_pictures.ELSEWHERE[kind](dermatoscopic())
    visitor.choose(page, picture, "spot", media_type)
    page.wait_for_selector("#device-text:has-text('Only the server can read this kind of file')")
    assert not page.is_visible("#device-check")


def test_colours_that_a_browser_rounds_are_told_and_nothing_is_sent(visit: Visit) -> None:
    page = visit()
    sent = _posts(page)
    picture = device_pictures.ELSEWHERE["webp-alpha"](dermatoscopic())
    visitor.choose(page, picture, "spot.webp", "image/webp")
    assert "cannot read the colours" in _refused(page)
    assert sent == []


def test_after_one_visit_it_answers_without_server_and_network(
    browser: Any, tmp_path: Path, lesion: bytes
) -> None:
    context = browser.new_context(locale="hi-IN", viewport=visitor.PHONE)
    page = context.new_page()
    with server.running(tmp_path / "log.txt", WEB_DIR=str(WEB)) as serving:
        page.goto(f"{serving.url}/")
        page.wait_for_selector("#send:not([disabled])", state="attached")
        visitor.choose(page, lesion)
        _here(page)
        title = page.inner_text("#result-title")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    context.set_offline(True)
    page.close()

    again = context.new_page()
    again.goto(f"{serving.url}/?lang=hi")
    again.wait_for_selector("#send:not([disabled])", state="attached")
    visitor.choose(again, lesion)
    again.wait_for_selector("#device-check.ll-button--main:visible")
    _here(again)
    assert again.inner_text("#result-title") == title
    assert VERSION in again.text_content("#result")
    visitor.picture_of(again, "device-offline")
    context.close()


def test_what_is_kept_for_offline_is_the_page() -> None:
    listed = json.loads((WEB / "device" / "page.json").read_text())
    left_out = {"404.html", "share.jpg", "sw.js", "device/page.json", "apple-touch-icon.png",
                "icon-192.png", "icon-512.png"}  # fmt: skip
    partners = ("reference/", "client/")
    files = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.is_file()}
    page = {
        name
        for name in files - left_out
        if not name.startswith(partners) and not name.endswith((".md", ".c"))
    }
    assert sorted(listed) == sorted({"./", *page})
    assert sum((WEB / name).stat().st_size for name in page) < PAGE_BYTES
    assert "PAGE_BYTES = 0.6e6" in (WEB / "js" / "device.js").read_text()
