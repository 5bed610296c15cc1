"""The forms of an answer; what the words of a page say of its numbers."""

import html
import re
from collections.abc import Callable
from typing import Any

import flask
import pytest
from werkzeug.test import Client

from lesionlens.api import app, negotiation
from lesionlens.model.result import NOTICE
from tests.pictures import JPEG

Page = Callable[[float, float], str]


@pytest.fixture
def page_of() -> Page:
    """The text of the page of a result with this malignancy and threshold."""
    pages = flask.Flask("test", template_folder=str(app.TEMPLATES))

    def text(probability: float, threshold: float) -> str:
        entry = {"label": "nv", "name": "Melanocytic nevus", "probability": 0.9}
        flag = probability >= threshold
        result: dict[str, Any] = {
            "request_id": "mine",
            "model": {"name": "mobilenet", "version": "v1"},
            "prediction": entry,
            "prior": "dataset",
            "views": 4,
            "probabilities": [{**entry, "malignant": False}],
            "malignancy": {"probability": probability, "threshold": threshold, "flag": flag},
            "input": {"in_distribution": True, "warnings": []},
            "notice": NOTICE,
        }
        with pages.app_context():
            return html.unescape(re.sub(r"<[^>]+>", "", negotiation.page(result)))

    return text


@pytest.mark.parametrize(
    ("share", "digits", "written"),
    [
        (0.0, 0, "< 1%"),
        (0.009, 0, "< 1%"),
        (0.01, 0, "1%"),
        (0.504, 0, "50%"),
        (0.99, 0, "99%"),
        (0.995, 0, "> 99%"),
        (1.0, 0, "> 99%"),
        (0.009, 1, "0.9%"),
        (0.0009, 1, "< 0.1%"),
        (0.9995, 1, "> 99.9%"),
    ],
)
def test_a_probability_is_never_0_or_100(share: float, digits: int, written: str) -> None:
    assert negotiation.percent(share, digits) == written


# Shown with as few digits as possible, and never as equal when one is larger.
PAIRS = [
    ((0.93, 0.072113), ("93%", "7%")),
    ((0.0718, 0.072113), ("7.18%", "7.21%")),
    ((0.072113, 0.072113), ("7%", "7%")),
    ((0.0721131, 0.072113), ("7.21131%", "7.21130%")),
    ((0.002, 0.0064), ("0.2%", "0.6%")),
    ((0.9962, 0.9982), ("99.6%", "99.8%")),
]


@pytest.mark.parametrize(("pair", "written"), PAIRS)
def test_two_probabilities_are_written_apart(
    pair: tuple[float, float], written: tuple[str, str]
) -> None:
    assert negotiation.apart(*pair) == written


def test_even_the_closest_two_numbers_are_written_apart() -> None:
    one, other = negotiation.apart(0.1, 0.10000000000000002)
    assert one != other


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.0718, "7.18%, below the threshold of 7.21%."),
        (0.072113, "7%, at or above the threshold of 7%."),
        (0.0724, "7.24%, at or above the threshold of 7.21%."),
    ],
)
def test_a_page_says_on_which_side_of_the_threshold_its_figures_are(
    page_of: Page, probability: float, said: str
) -> None:
    assert said in page_of(probability, 0.072113)


def test_a_page_says_how_the_model_was_set(page_of: Page) -> None:
    assert "Prior dataset, views 4." in page_of(0.1, 0.2)


@pytest.mark.parametrize("explain", ["true", "mel"])
@pytest.mark.parametrize("form", ["text/html", "application/fhir+json", "text/html, */*;q=0.8"])
def test_an_explanation_is_never_left_out_in_silence(
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
