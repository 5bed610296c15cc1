"""The result: advice, chance and class are consistent with one another."""

import json
import re
from typing import Any

import pytest

from tests.web import service, visitor
from tests.web.conftest import Visit

LEVELS = {"melanoma": "soon", "carcinoma": "appointment", "suspicious mole": "soon",
          "mole": "watch"}  # fmt: skip
CHANCES = {"melanoma": 76, "carcinoma": 87, "suspicious mole": 14, "mole": 2}


@pytest.mark.parametrize("looks", LEVELS)
def test_advice_chance_and_likeness_agree(visit: Visit, lesion: bytes, looks: str) -> None:
    page = visit()
    service.answer(page, service.result(looks))
    visitor.check(page, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == LEVELS[looks]
    assert f"about {CHANCES[looks]} were skin cancer" in page.inner_text(".ll-chance")
    assert page.locator(".ll-chance .ll-marked").count() == CHANCES[looks]
    # A lower chance than that of all pictures would speak against the advice.
    higher = looks in ("melanoma", "carcinoma")
    assert ("about 20 in 100" in page.inner_text(".ll-chance")) == higher
    visitor.unfolded(page)
    shown = page.inner_text("#result")
    # The chance is the sum of the malignant classes, within rounding.
    tagged = page.locator(".ll-chart--malignant .ll-chart__value").all_inner_texts()
    assert abs(sum(int(re.sub(r"\D", "", part)) for part in tagged) - CHANCES[looks]) <= 2
    assert "threshold" not in shown
    assert "data set, so it can differ" not in shown
    for word in ("benign", "safe", "harmless"):
        assert word not in shown.lower()


def test_a_marked_mole_is_explained(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result("suspicious mole"))
    visitor.check(page, lesion)

    shown = page.inner_text("#result")
    assert shown.index("Show it to a doctor") < shown.index("about 14 were")
    assert shown.index("about 14 were") < shown.index("Most like: Mole, 78%")
    assert "Even though most were not, a doctor should look" in shown
    assert shown.index("Most like: Mole, 78%") < shown.index("does not change the advice")
    # Advice on the other degrees of urgency would compete with that of the result.
    urgencies = page.locator(".ll-grid--levels > :visible").evaluate_all(
        "levels => levels.map(level => level.dataset.urgency)"
    )
    assert urgencies == ["now"]
    page.click("#disease-nv > summary")
    mole = page.inner_text("#diseases")
    assert "Follow the advice above" in mole
    assert "A common growth of pigment cells" in mole
    for rival in ("keep an eye on it", "How urgent", "Watch it"):
        assert rival not in mole
    page.click("text=Check another picture")
    assert "keep an eye on it" in page.inner_text("#diseases")


def test_what_was_missed_stands_where_nothing_was_marked(
    visit: Visit, site: str, lesion: bytes
) -> None:
    page = visit()
    service.answer(page, service.result("mole"), service.result("melanoma"))
    visitor.check(page, lesion)

    facts = page.request.get(f"{site}/v1/model").json()
    sensitivity = facts["malignancy"]["test"]["sensitivity"]["value"]
    page.wait_for_selector(f"text=About 1 in {1 / (1 - sensitivity):.0f} cancers")
    page.click("text=Check another picture")
    visitor.check(page, lesion)
    assert page.locator(".ll-missed").count() == 0


def test_a_chance_is_never_0_or_100_and_said_in_grammar(visit: Visit, lesion: bytes) -> None:
    chances = {0.004: "fewer than 1 was", 0.013: "about 1 was", 0.024: "about 2 were",
               0.996: "than 99 were"}  # fmt: skip
    answers = [service.result("mole" if share < 0.5 else "melanoma") for share in chances]
    for answer, share in zip(answers, chances, strict=True):
        answer["json"]["malignancy"]["probability"] = share
    page = visit()
    service.answer(page, *answers)
    for said in chances.values():
        visitor.check(page, lesion)
        assert said in page.inner_text(".ll-chance")


KINDS = {
    "close-up": "It does not look like a picture through",
    "other": "This picture cannot be judged",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_dermatoscopic_gets_help_and_no_class(
    visit: Visit, lesion: bytes, kind: str
) -> None:
    page = visit()
    warning = {"code": "not-dermatoscopic", "message": "No class is named."}
    service.answer(page, service.result(kind=kind, input={"warnings": [warning]}))
    visitor.check(page, lesion)

    shown = page.inner_text("#result")
    assert page.inner_text("#result-title").startswith(KINDS[kind])
    assert "dermatoscope" in shown
    # What to say on the telephone refers to the signs.
    assert shown.index("unlike your others") < shown.index("If a sign above fits")
    assert page.get_attribute("text=What to look for without a dermatoscope >> nth=0", "href")
    for absent in (".ll-chance", ".ll-chart", ".ll-heatmap"):
        assert page.locator(f"#result {absent}").count() == 0
    assert not any(name in shown for name in ("Melanoma", "Mole", "%"))
    assert visitor.faults(page) == []


FAULTS = ("blurred", "underexposed", "overexposed", "low-resolution", "small-lesion")


def _faulty(code: str, looks: str = "mole", kind: str = "dermatoscopic") -> dict[str, Any]:
    warning = {"code": code, "message": "Technical."}
    return service.result(looks, kind=kind, input={"warnings": [warning]})


@pytest.mark.parametrize(
    ("kind", "title"),
    [("dermatoscopic", "Take the picture again"), ("close-up", "No result from this picture"),
     ("other", "No result from this picture")],
)  # fmt: skip
def test_a_faulty_picture_without_a_mark_gets_one_box_that_says_what_to_do(
    visit: Visit, lesion: bytes, kind: str, title: str
) -> None:
    page = visit()
    service.answer(page, *(_faulty(code, kind=kind) for code in FAULTS))
    advice = set()
    for code in FAULTS:
        visitor.check(page, lesion)

        told = page.inner_text(".ll-advice")
        advice.add(told)
        assert page.inner_text("#result-title") == title
        assert page.get_attribute(".ll-advice", "data-urgency") == "unknown"
        assert "Technical" not in told
        assert any(word in told for word in ("again:", "take it again", "original", "closer")), code
        # It is shown without reassuring text.
        for absent in (".ll-chance", ".ll-chart", ".ll-warnings", ".ll-advice ~ .ll-advice"):
            assert page.locator(f"#result {absent}").count() == 0
        assert page.locator(".ll-actions button", has_text="Remind").count() == 0
    assert len(advice) == len(FAULTS)


@pytest.mark.parametrize("looks", ["melanoma", "carcinoma", "suspicious mole"])
def test_a_fault_takes_no_mark_back(visit: Visit, lesion: bytes, looks: str) -> None:
    page = visit()
    service.answer(page, _faulty("blurred", looks))
    visitor.check(page, lesion)

    assert page.get_attribute(".ll-advice", "data-urgency") == LEVELS[looks]
    told = page.inner_text(".ll-advice")
    # Nor is a better picture asked for.
    assert told.index("doctor") < told.index("do not wait for a better one")
    assert "blurred" not in told
    assert page.is_visible(".ll-chance")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_urgency_has_steps_in_colour_and_in_words(visit: Visit, lesion: bytes, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    seen = []
    for looks in LEVELS:
        page.unroute("**/v1/classify*")
        service.answer(page, service.result(looks))
        if page.is_visible("#result"):
            page.click("text=Check another picture")
        visitor.check(page, lesion)
        colour = page.locator(".ll-advice").evaluate("e => getComputedStyle(e).backgroundColor")
        seen.append((colour, page.inner_text(".ll-advice p")))

    colours, words = zip(*seen, strict=True)
    assert len(set(colours)) == len(set(words)) == len(LEVELS)


def test_what_only_professionals_need_is_folded_at_the_end(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result(), service.result(kind="close-up"))
    visitor.check(page, lesion)
    for _ in range(2):
        shown = page.inner_text("#result")
        assert not any(word in shown for word in ("mobilenet", "JSON", "test-2"))
        assert page.locator("#result > :last-child.ll-practitioner:not([open])").count() == 1
        page.click(".ll-practitioner summary")
        assert "Request test-2" in page.inner_text(".ll-practitioner")
        page.click("text=Check another picture")
        visitor.check(page, lesion)


@pytest.mark.parametrize(
    ("looks", "language"),
    [("mole", "en"), ("mole", "hi"), ("melanoma", "hi"), ("mole", "mr"), ("suspicious mole", "en")],
)
def test_one_screen_of_a_telephone_holds_what_matters(
    visit: Visit, lesion: bytes, looks: str, language: str
) -> None:
    page = visit(f"/?lang={language}", viewport=visitor.PHONE, timezone_id="Asia/Kolkata")
    service.answer(page, service.result(looks))
    visitor.check(page, lesion)
    page.wait_for_selector(".ll-doctor a")

    for part in (".ll-advice", ".ll-chance", ".ll-picture img", ".ll-doctor a"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= visitor.PHONE["height"], part
    page.screenshot(path=visitor.artefact(f"screen-{looks}-{language}"))


@pytest.mark.parametrize(
    ("zone", "way"),
    [("Asia/Kolkata", "eSanjeevani"), ("Europe/London", "NHS 111"), ("Europe/Berlin", "116117"),
     ("America/Chicago", "Dermatology"), ("Australia/Perth", "healthdirect")],
)  # fmt: skip
def test_the_way_to_a_doctor_is_that_of_the_visitors_country(
    visit: Visit, lesion: bytes, zone: str, way: str
) -> None:
    page = visit(timezone_id=zone, locale="en")
    service.answer(page, service.result())
    visitor.check(page, lesion)
    assert way in page.inner_text(".ll-doctor .ll-ways")
    online = "examined in person" in page.inner_text(".ll-doctor")
    assert online == (way == "eSanjeevani")

    page.select_option(".ll-doctor select", "")
    assert page.locator(".ll-doctor .ll-ways").count() == 0
    assert "nearest clinic" in page.inner_text(".ll-doctor")


# ---- the heat map -------------------------------------------------------------------------------


def test_the_heat_map_is_an_option_beside_the_picture_with_a_legend(
    visit: Visit, lesion: bytes
) -> None:
    page = visit(viewport=visitor.PHONE)
    service.answer(page, service.result())
    visitor.check(page, lesion)
    assert page.is_hidden(".ll-stack__heat")

    page.click("text=Where the model looked")

    page.wait_for_selector(".ll-heatmap .ll-stack__heat")
    assert page.locator(".ll-heatmap .ll-stack").count() == 2
    assert page.is_visible(".ll-heatmap .ll-legend i")
    assert "this part: top left" in page.get_attribute(".ll-heatmap .ll-stack__heat", "alt")
    frame = page.locator(".ll-heatmap .ll-stack__region")
    # Dashed, three pixels wide, and entirely inside the picture, so that no side is clipped.
    style = frame.evaluate("node => [getComputedStyle(node).borderTopStyle, node.offsetLeft,"
                           "node.offsetTop, node.clientLeft, node.offsetParent.clientHeight"
                           " - node.offsetTop - node.offsetHeight]")  # fmt: skip
    assert style[0] == "dashed"
    assert style[1] > 0
    assert style[2] >= 0
    assert style[3] == 3
    assert style[4] >= 0


# ---- for doctors --------------------------------------------------------------------------------


def test_a_doctor_finds_probabilities_prior_and_rates_by_origin(
    visit: Visit, lesion: bytes
) -> None:
    page = visit()
    rates = {"images": 40, "lesions": 30, "malignant": 10}
    rate = {"value": 0.8, "low": 0.7, "high": 0.9}
    undefined = {"value": None, "low": None, "high": None}
    origins = {"A clinic": {**rates, "sensitivity": rate, "specificity": undefined, "auc": rate}}

    def with_origins(route: Any) -> None:
        facts = route.fetch().json()
        facts["malignancy"]["test"]["by_origin"] = origins
        route.fulfill(json=facts)

    page.route("**/v1/model", with_origins)
    service.answer(page, service.result())
    visitor.check(page, lesion)
    page.click("text=For professionals")

    page.wait_for_selector(".ll-practitioner >> text=A clinic")
    told = page.inner_text(".ll-practitioner")
    assert "71.0%" in told
    assert "19.5% of the lesions malignant" in told
    assert "80% (70%–90%)" in told
    assert "10 of 40" in page.inner_text(".ll-practitioner tr:has-text('A clinic')")
    assert "–" in page.inner_text(".ll-practitioner tr:has-text('A clinic') td:last-child")


# ---- what a visitor takes along -----------------------------------------------------------------

_PRINTED = """() => [...document.querySelectorAll("body *")]
  .filter((node) => node.checkVisibility() && node.childElementCount === 0 && node.textContent)
  .map((node) => node.textContent).join(" ")"""


@pytest.mark.parametrize(("language", "paper"), [("en", "A4"), ("hi", "Letter"), ("mr", "A4")])
def test_a_printed_result_is_one_page_for_the_doctor(
    visit: Visit, lesion: bytes, language: str, paper: str
) -> None:
    page = visit(f"/?lang={language}", color_scheme="dark")
    service.answer(page, service.result())
    visitor.check(page, lesion)
    page.click(".ll-result .ll-actions button >> nth=0")
    for field in ("site", "since", "changed"):
        page.fill(f"#letter-{field}", f"my {field}")
    page.fill("#letter-notes", "my notes " * 30)
    page.check(".ll-letter fieldset input >> nth=0")

    page.emulate_media(media="print")
    told = page.evaluate(_PRINTED)
    today = page.evaluate(
        "(l) => new Intl.DateTimeFormat(`${l}-u-nu-latn`, {dateStyle: 'long'}).format(new Date())",
        language,
    )
    for words in (today, "my site", "my since", "my changed", "my notes", "test-2"):
        assert words in told
    assert page.locator(".ll-paper .ll-stack").count() == 2
    assert page.locator(".ll-paper .ll-stack__heat").count() == 1
    assert page.is_hidden("header")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    document = page.pdf(path=visitor.artefact(f"letter-{language}-{paper}", "pdf"), format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b", document)) == 1


def test_what_was_filled_in_survives_a_change_of_language(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.check(page, lesion)
    page.click("text=Make a page for your doctor")
    page.fill("#letter-site", "left shoulder")

    page.click(".ll-languages summary")
    page.click("[hreflang=hi]")

    page.wait_for_selector("html[lang=hi]")
    assert page.input_value("#letter-site") == "left shoulder"


def test_a_reminder_is_offered_for_what_was_not_marked(visit: Visit, lesion: bytes) -> None:
    page = visit("/?lang=mr")
    service.answer(page, service.result("mole"), service.result("melanoma"))
    visitor.check(page, lesion)
    texts = json.loads((visitor.WEB / "text" / "answer" / "mr.json").read_text())
    remind = page.locator(".ll-actions button", has_text=texts["result"]["remind"])

    with page.expect_download() as saved:
        remind.click()

    data = saved.value.path().read_bytes()
    assert saved.value.suggested_filename == "lesionlens.ics"
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    calendar = data.decode().replace("\r\n ", "").split("\r\n")
    assert calendar[0] == "BEGIN:VCALENDAR"
    assert f"SUMMARY:{texts['reminder']['title']}" in calendar
    assert any(re.fullmatch(r"DTSTART;VALUE=DATE:\d{8}", line) for line in calendar)

    page.click(f".ll-actions button:has-text('{texts['result']['again']}')")
    visitor.check(page, lesion)
    assert remind.count() == 0


def test_a_result_is_shared_by_the_devices_own_sheet(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.evaluate("""() => {
      navigator.share = async (data) => (window.shared = { ...data, files: data.files?.length });
      navigator.canShare = () => true;
    }""")
    service.answer(page, service.result())
    visitor.check(page, lesion)

    page.click(".ll-actions button:has-text('Share')")

    page.wait_for_function("window.shared")
    shared = page.evaluate("window.shared")
    assert "Show it to a doctor within two weeks" in shared["text"]
    assert "about 76 were skin cancer" in shared["text"]
    assert "not a diagnosis" in shared["text"]
    assert shared["files"] == 1


def test_without_a_sheet_nothing_is_offered(visit: Visit, lesion: bytes) -> None:
    page = visit()
    page.evaluate("navigator.share = undefined")
    service.answer(page, service.result())
    visitor.check(page, lesion)
    assert page.locator(".ll-actions button", has_text="Share").count() == 0


def test_the_answer_can_be_saved_as_data(visit: Visit, lesion: bytes) -> None:
    page = visit()
    service.answer(page, service.result())
    visitor.check(page, lesion)

    page.click("text=For professionals")
    with page.expect_download() as saved:
        page.click("text=The answer as data (JSON)")
    assert saved.value.suggested_filename == "lesionlens-test-2.json"
    assert json.loads(saved.value.path().read_text())["request_id"] == "test-2"
