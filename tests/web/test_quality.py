"""The browser measures a picture's quality as the server does."""

import base64
from typing import Any

import pytest
from PIL import Image, ImageFilter

from lesionlens.imaging import image_quality, model_input, preprocess
from tests.pictures import dermatoscopic, encoded

SIZE = 192
MEASURE = """async ([base64, size]) => {
  const { measured } = await import("/js/quality.js");
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const { width, height } = bitmap;
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  const side = Math.min(width, height);
  const square = { x: (width - side) / 2, y: (height - side) / 2, side };
  return measured({ pixels: pen.getImageData(0, 0, width, height), scale: 0.5 }, square, size);
}"""


def blurred(width: int, height: int, radius: float) -> Image.Image:
    return dermatoscopic(width, height).filter(ImageFilter.GaussianBlur(radius))


PICTURES = {
    "as large as the input": dermatoscopic(SIZE, SIZE),
    "smaller": dermatoscopic(120, 90),
    "larger": dermatoscopic(600, 450),
    "upright": dermatoscopic(450, 600),
    "as large as is sent": dermatoscopic(1024, 768),
    "a little blurred": blurred(600, 450, 2),
    "blurred": blurred(600, 450, 8),
    "dark": dermatoscopic().point(lambda value: value // 8),
    "plain": Image.new("RGB", (600, 450), (224, 180, 160)),
}


@pytest.fixture(scope="module")
def page(browser: Any, site: str) -> Any:
    page = browser.new_page()
    page.goto(f"{site}/404.html")
    yield page
    page.close()


@pytest.mark.parametrize("size", [SIZE, 224])
@pytest.mark.parametrize("name", PICTURES)
def test_the_browser_measures_as_the_server_does(page: Any, name: str, size: int) -> None:
    picture = PICTURES[name]
    tensor = preprocess.tensor(picture, model_input.Preprocessing(size))
    served = image_quality.measures(tensor, min(picture.size))

    png = base64.b64encode(encoded(picture, "PNG")).decode()
    found = page.evaluate(MEASURE, [png, size])

    assert found["sharpness"] == pytest.approx(served[image_quality.SHARPNESS], rel=5e-3)
    assert found["darkest"] == pytest.approx(served[image_quality.DARKEST], rel=5e-3)
    # Size of the file, which is twice that of the drawing.
    assert found["side"] == 2 * served[image_quality.SIDE]
