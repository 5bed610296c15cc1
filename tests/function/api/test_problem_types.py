"""The documentation pages of problem types: one for each problem that the code can raise."""

import html
import re
from urllib.parse import urljoin

import pytest
from werkzeug.test import Client

from lesionlens import errors
from lesionlens.api.problem_advice import ADVICE, NEVER, ONCE, WAIT
from lesionlens.api.problem_types import all_types
from tests.conftest import ROOT, create_client
from tests.pictures import JPEG

KINDS = {
    kind.slug: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Problem) and "slug" in vars(kind)
}


def test_every_problem_has_advice_and_nothing_else_has() -> None:
    assert ADVICE.keys() == KINDS.keys() == all_types().keys()


@pytest.mark.parametrize("slug", ADVICE)
def test_each_type_leads_to_a_page(shared_client: Client, slug: str) -> None:
    page = shared_client.get(f"/problems/{slug}")
    shown = html.unescape(re.sub(r"<[^>]+>", "", page.text))
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert f"status {KINDS[slug].status}" in shown
    assert ADVICE[slug].remedy in shown
    assert all_types()[slug].examples
    for example in all_types()[slug].examples:
        assert example.detail in shown
    assert "max-age" in page.headers["Cache-Control"]


def test_the_type_of_a_real_error_leads_to_its_page(shared_client: Client) -> None:
    refused = shared_client.post("/v1/classify", data=JPEG[:9000], content_type="image/jpeg")
    page = shared_client.get(refused.json["type"])
    assert "<h1>Truncated image</h1>" in page.text


def test_the_list_leads_to_each(shared_client: Client) -> None:
    links = re.findall(r'href="(problems/[a-z-]+)"', shared_client.get("/problems").text)
    assert links == [f"problems/{slug}" for slug in all_types()]
    statuses = [kind.status for kind in all_types().values()]
    assert statuses == sorted(statuses)


@pytest.mark.parametrize("path", ["/problems", "/problems/too-slow"])
def test_every_link_leads_somewhere(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("WEB_DIR", str(ROOT / "web"))
    client = create_client()
    links = re.findall(r'href="([^"]+)"', client.get(path).text)
    assert links
    for link in links:
        with client.get(urljoin(path, link)) as answer:
            assert answer.status_code == 200, link


def test_what_is_no_type_is_404(shared_client: Client) -> None:
    assert shared_client.get("/problems/nothing").status_code == 404
    assert shared_client.get("/problems/").status_code == 404


@pytest.mark.parametrize("slug", ADVICE)
def test_waiting_is_advised_where_a_header_says_how_long(slug: str) -> None:
    waiting = issubclass(KINDS[slug], (errors.Later, errors.StillAnswering))
    once = KINDS[slug] in (errors.Problem, errors.TooSlow)
    assert ADVICE[slug].again == (WAIT if waiting else ONCE if once else NEVER)
