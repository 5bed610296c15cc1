"""Content negotiation, and the wording of the result page."""

import html
from collections.abc import Callable
from typing import Any

import flask
import pytest
from werkzeug.test import Client

from lesionlens.api import app, negotiation
from lesionlens.model.result import NOTICE
from tests.pictures import JPEG

Page = Callable[..., str]


@pytest.fixture
def page_of() -> Page:
    """The page of a result with this malignancy, threshold and picture."""
    pages = flask.Flask("test", template_folder=str(app.TEMPLATES))

    def page(
        probability: float, threshold: float, picture: bytes = b"", warnings: tuple[str, ...] = ()
    ) -> str:
        entry = {"label": "nv", "name": "Melanocytic nevus", "probability": 0.9}
        flag = probability >= threshold
        result: dict[str, Any] = {
            "request_id": "mine",
            "model": {"name": "mobilenet", "version": "v1"},
            "prediction": entry,
            "prior": {"name": "dataset", "malignant": 0.195},
            "views": 4,
            "probabilities": [{**entry, "malignant": False}],
            "malignancy": {
                "probability": probability,
                "flag": flag,
                "decision": {
                    "prior": "dataset",
                    "probability": probability,
                    "threshold": threshold,
                },
            },
            "input": {
                "in_distribution": True,
                "warnings": [{"code": code, "message": f"It is {code}."} for code in warnings],
            },
            "notice": NOTICE,
        }
        with pages.app_context():
            return html.unescape(negotiation.page(result, picture=picture))

    return page


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.004, "Of 100 pictures like this, fewer than 1 was skin cancer"),
        (0.013, "Of 100 pictures like this, about 1 was skin cancer"),
        (0.144, "Of 100 pictures like this, about 14 were skin cancer"),
        (0.996, "Of 100 pictures like this, more than 99 were skin cancer"),
    ],
)
def test_a_page_says_the_chance_as_people_count(
    page_of: Page, probability: float, said: str
) -> None:
    assert said in page_of(probability, 0.5)


@pytest.mark.parametrize(
    ("picture", "shown"),
    [
        (b"\xff\xd8\xff\xe0", "data:image/jpeg;base64,/9j/4A=="),
        (b"\x89PNG\r\n", "data:image/png;base64,iVBORw0K"),
        (b"RIFF....WEBP", "data:image/webp;base64,UklGRi4uLi5XRUJQ"),
        (b"\0\0\0\x18ftypheic", None),
        (b"", None),
        (b"\xff\xd8\xff" + bytes(negotiation.MAX_SHOWN_BYTES), None),
    ],
)
def test_a_page_shows_the_picture_that_browsers_can_show(
    page_of: Page, picture: bytes, shown: str | None
) -> None:
    document = page_of(0.1, 0.5, picture)
    assert ("cannot be shown here" in document) is (shown is None)
    assert shown is None or f'src="{shown}"' in document


def test_a_faulty_picture_without_a_mark_is_to_be_taken_again(page_of: Page) -> None:
    document = page_of(0.02, 0.07, warnings=("blurred",))
    assert document.index("Take the picture again") < document.index("It is blurred.")
    for absent in ("Keep an eye", "Of 100 pictures", "Most like"):
        assert absent not in document
    # Poor quality does not cancel a flag, and not every warning is about quality.
    assert "Take the picture again" not in page_of(0.2, 0.07, warnings=("blurred",))
    assert "Keep an eye" in page_of(0.02, 0.07, warnings=("first-picture",))


def test_a_page_says_how_the_model_was_set(page_of: Page) -> None:
    assert "Prior dataset, views 4." in page_of(0.1, 0.2)


@pytest.mark.parametrize("explain", ["true", "mel"])
@pytest.mark.parametrize("form", ["text/html", "application/fhir+json", "text/html, */*;q=0.8"])
def test_an_explanation_that_a_format_cannot_hold_is_refused(
    shared_client: Client, explain: str, form: str
) -> None:
    response = shared_client.post(
        f"/v1/classify?explain={explain}", data=JPEG, headers={"Accept": form}
    )
    assert response.status_code == 406
    assert "which holds none; accepted is application/json" in html.unescape(response.text)


@pytest.mark.parametrize("query", ["explain=false", "overlay=false", "views=2&prior=uniform"])
def test_other_options_are_answered_in_every_form(shared_client: Client, query: str) -> None:
    response = shared_client.post(
        f"/v1/classify?{query}", data=JPEG, headers={"Accept": "application/fhir+json"}
    )
    assert (response.status_code, response.content_type) == (200, "application/fhir+json")
