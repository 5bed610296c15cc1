"""Fixtures for tests of the page, with the real function and a real browser."""

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from tests import server
from tests.pictures import dermatoscopic
from tests.web import chromium
from tests.web.visitor import DESKTOP, WEB

# ---- the function, serving the page -------------------------------------------------------------


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the function serving the page; BASE_URL selects a running one instead."""
    if "BASE_URL" in os.environ:
        yield os.environ["BASE_URL"].rstrip("/")
        return
    log = tmp_path_factory.mktemp("function") / "log.txt"
    with server.running(log, WEB_DIR=str(WEB)) as serving:
        # Loads the model before the first page.
        assert serving.get("/ready")[0] == 200, log.read_text()
        yield serving.url


# ---- the browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Start Chromium, for one module: Playwright's event loop must not outlive its tests."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:

        def start(whole: bool = False, **options: Any) -> Any:
            executable = chromium.path(whole)
            if executable is None:
                pytest.skip("Chromium is not installed")
            return engine.chromium.launch(
                executable_path=executable, args=chromium.FLAGS, **options
            )

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def keeping_page(launch: Callable[..., Any]) -> Iterator[Any]:
    """A page in a browser with the back/forward cache, which automation disables by default."""
    browser = launch(whole=True, ignore_default_args=["--disable-back-forward-cache"])
    yield browser.new_page()
    browser.close()


Visit = Callable[..., Any]

# The texts are loaded and, if there is a form, the button to send is enabled.
_READY = """() => document.querySelector("[hreflang][aria-current]")
  && !document.querySelector("#send")?.disabled"""


@pytest.fixture
def visit(browser: Any, site: str) -> Iterator[Visit]:
    """Open a page; fails at teardown after a script error or a violation of the policy."""
    complaints: list[str] = []
    contexts = []

    def open_page(path: str = "/", ready: bool = True, **options: Any) -> Any:
        options.setdefault("viewport", DESKTOP)
        options.setdefault("locale", "en-GB")
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _note(message, complaints))
        page.goto(site + path)
        if ready:
            page.wait_for_function(_READY)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _note(message: Any, complaints: list[str]) -> None:
    # The console also reports the 4xx and 5xx responses that tests provoke.
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        complaints.append(message.text)


# ---- pictures -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def lesion() -> bytes:
    """A JPEG that resembles a dermatoscopic picture: skin, a lesion, some texture."""
    return _jpeg(dermatoscopic(600, 450))


@pytest.fixture(scope="session")
def phone_photograph() -> bytes:
    """A large JPEG as telephones write it: rotated by EXIF, with GPS data."""
    image = dermatoscopic(1600, 1200)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees to see it upright
    exif[0x010F] = "A phone"
    exif.get_ifd(0x8825)[1] = "N"
    return _jpeg(image, exif=exif)


def _jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()
