"""Answers on the device against the function's, in Chromium and Firefox."""

from typing import Any

import pytest
from werkzeug.test import Client

from tests.conftest import create_client
from tests.pictures import dermatoscopic
from tests.web import device_pictures, device_trial
from tests.web.visitor import WEB

CLOSE, CLOSE_ABOVE = 0.005, 0.1  # in a probability; above: where the function shrinks
# Firefox is started for the tests that take longer.
BROWSERS = ("chromium", pytest.param("firefox", marks=pytest.mark.slow))


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Client:
    """The function with the page; the pictures are sent to it without a server between."""
    monkeypatch.setenv("WEB_DIR", str(WEB))
    return create_client()


def _checked(
    serving: Client, browser: str, pictures: dict[str, bytes]
) -> dict[str, dict[str, Any]]:
    if device_trial.path(browser) is None:
        pytest.skip(f"{browser} is not installed")
    return device_trial.checked(serving.application, browser, pictures)


def _differences(
    serving: Client, name: str, data: bytes, found: dict[str, Any], close: float
) -> list[str]:
    """What a device says otherwise than the function, beside times and the request's id."""
    response = serving.post("/v1/classify?explain=true", data=data, content_type="image/*")
    assert response.status_code == 200, (name, response.text)
    expected = response.json
    if "elsewhere" in found:
        return [f"{name}: not answered: {found}"]
    assert found.keys() == expected.keys()
    shares, wanted = (
        {entry["label"]: entry["probability"] for entry in document["probabilities"]}
        for document in (found, expected)
    )
    far = max(abs(shares[label] - share) for label, share in wanted.items())
    said = [f"{name}: probabilities by {far:.4f}"] if far > close else []
    if close > CLOSE:
        # What is so far apart may lie on both sides of a threshold.
        return said
    for part in ("prediction", "malignancy"):
        key = {"prediction": "label", "malignancy": "flag"}[part]
        ours, theirs = ((document[part] or {}).get(key) for document in (found, expected))
        if ours != theirs:
            said.append(f"{name}: {key} {ours}, expected {theirs}")
    for key in ("width", "height", "kind", "in_distribution", "warnings"):
        if found["input"][key] != expected["input"][key]:
            said.append(f"{name}: {key} {found['input'][key]}, expected {expected['input'][key]}")
    return said


def _all_differences(
    serving: Client, browser: str, pictures: dict[str, bytes], close: float = CLOSE
) -> list[str]:
    found = _checked(serving, browser, pictures)
    assert found.keys() == pictures.keys()
    return [
        line
        for name, data in pictures.items()
        for line in _differences(serving, name, data, found[name], close)
    ]


@pytest.mark.parametrize("browser", BROWSERS)
def test_some_pictures_are_answered_as_by_the_function(serving: Client, browser: str) -> None:
    kinds = ("jpeg-420", "jpeg-p3", "jpeg-turned-6", "png-key", "png-p3-alpha", "webp")
    some = {kind: device_pictures.KINDS[kind](dermatoscopic(seed=7)) for kind in kinds}
    assert _all_differences(serving, browser, some) == []


@pytest.mark.slow
@pytest.mark.parametrize("browser", BROWSERS)
def test_a_hundred_pictures_are_answered_as_by_the_function(serving: Client, browser: str) -> None:
    pictures = device_pictures.hundred()
    assert len(pictures) == 100
    assert _all_differences(serving, browser, pictures) == []


@pytest.mark.slow
@pytest.mark.parametrize("browser", BROWSERS)
def test_large_pictures_are_answered_nearly_as_by_the_function(
    serving: Client, browser: str
) -> None:
    large = device_pictures.large()
    assert _all_differences(serving, browser, large, CLOSE_ABOVE) == []


@pytest.mark.slow
def test_twenty_pictures_of_12_megapixels_are_answered_nearly_as_by_the_function(
    serving: Client,
) -> None:
    pictures = device_pictures.telephone_sized()
    assert _all_differences(serving, "chromium", pictures, CLOSE_ABOVE) == []


@pytest.mark.parametrize("browser", BROWSERS)
def test_what_a_browser_cannot_read_exactly_goes_to_the_server(
    serving: Client, browser: str
) -> None:
    pictures = {
        kind: save(dermatoscopic(320, 240)) for kind, save in device_pictures.ELSEWHERE.items()
    }
    found = _checked(serving, browser, pictures)
    reasons = {name: document["elsewhere"] for name, document in found.items()}
    colours = {
        "jpeg-cmyk-profile",
        "png-16-bits-key",
        *(name for name in pictures if "alpha" in name),
    }
    special = {"tiny": "size"} | dict.fromkeys(colours, "colours")
    assert reasons == {name: special.get(name, "format") for name in pictures}
