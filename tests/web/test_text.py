"""The page's texts: the same keys in every language, all used, no forbidden words."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.web.visitor import LANGUAGES, WEB

SCRIPTS = "\n".join(path.read_text() for path in sorted((WEB / "js").glob("*.js")))
PAGES = {name: (WEB / f"{name}.html").read_text() for name in ("index", "without", "model", "404")}


PLURALS = {"zero", "one", "two", "few", "many", "other"}  # CLDR


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    # The plural forms of a text count as one key.
    if not isinstance(node, dict) or node.keys() <= PLURALS:
        return {prefix: node}
    return {
        key: value
        for name, part in node.items()
        for key, value in _flat(part, f"{prefix}.{name}" if prefix else name).items()
    }


def _texts(language: str) -> dict[str, Any]:
    """All texts of a language; the files must not share keys."""
    parts = [_flat(json.loads(p.read_text())) for p in (WEB / "text").rglob(f"{language}.json")]
    merged = {key: value for part in parts for key, value in part.items()}
    assert len(merged) == sum(map(len, parts))
    return merged


TEXTS = {language: _texts(language) for language in LANGUAGES}


class _Page(HTMLParser):
    """Collects the text of elements with data-text and the attributes with data-text-NAME."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._key: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self._key = values.get("data-text")
        if self._key:
            self.found.append((self._key, ""))
        for name, key in values.items():
            if name.startswith("data-text-"):
                self.found.append((key, values[name.removeprefix("data-text-")]))

    def handle_data(self, data: str) -> None:
        if self._key:
            self.found[-1] = (self._key, self.found[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._key = None


def _page(name: str) -> list[tuple[str, str]]:
    parser = _Page()
    parser.feed(PAGES[name])
    return parser.found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing_and_no_text_is_empty(language: str) -> None:
    assert TEXTS[language].keys() == TEXTS["en"].keys()
    assert [key for key, text in TEXTS[language].items() if text in ("", [])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    def holes(text: Any) -> set[str]:
        return set(re.findall(r"\{\w+\}", str(text)))

    for key, text in TEXTS["en"].items():
        assert holes(TEXTS[language][key]) == holes(text), key
    assert len(TEXTS[language]["heatmap.place"]) == 9


def test_plural_forms_are_those_of_the_language(browser: Any) -> None:
    plurals = "(l) => new Intl.PluralRules(l).resolvedOptions().pluralCategories"
    page = browser.new_page()
    for language in LANGUAGES:
        forms = page.evaluate(plurals, language)
        for key, text in TEXTS[language].items():
            if isinstance(text, dict):
                assert sorted(text) == sorted(forms), key
    page.close()


@pytest.mark.parametrize("language", ["hi", "mr"])
def test_translations_are_translated(language: str) -> None:
    same = {key for key, text in TEXTS["en"].items() if text == TEXTS[language][key]}
    assert {key for key in same if not key.endswith(".formal")} == {"reviewed", "model.auc"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_whether_it_was_clinically_reviewed(language: str) -> None:
    assert TEXTS[language]["reviewed"] is False


@pytest.mark.parametrize("name", PAGES)
def test_the_html_carries_the_english_text(name: str) -> None:
    found = _page(name)

    assert len(found) > 10
    for key, text in found:
        assert text == TEXTS["en"][key], key


@pytest.mark.parametrize("name", PAGES)
def test_every_text_of_the_html_has_a_key(name: str) -> None:
    body = PAGES[name][PAGES[name].index("<body") :]
    loose = re.findall(r"<(?![^<>]*data-text=)[a-z][^<>]*>([^<>]*\w[^<>]*)<", body)
    # Names of the page and of languages, a language code, and a command.
    assert {text.strip() for text in loose} - {"curl -F image=@lesion.jpg"} == {
        "LesionLens", "English", "EN", "हिन्दी", "मराठी",
    }  # fmt: skip


def test_every_text_is_used_and_every_text_used_exists() -> None:
    named = {key for name in PAGES for key, _ in _page(name)}
    named |= set(re.findall(r'\btext\(\s*"([\w.-]+)"', SCRIPTS))
    named |= set(re.findall(r'"((?:\w+)\.[\w-]+)"', SCRIPTS)) & set(TEXTS["en"])
    # Prefixes of keys that are composed at run time.
    families = ("problem.", "warning.", "level.", "kind.", "disease.", "model.", "help.",
                "urgency.", "here.stage.", "quality.", "crop.", "table.", "letter.")  # fmt: skip
    known = set(TEXTS["en"])

    assert {key for key in named if key not in known and "." in key} == set()
    unused = {
        key for key in known - named - {"language", "reviewed"} if not key.startswith(families)
    }
    assert unused == set()


# The page must not call a lesion benign or a person safe.
FORBIDDEN = {
    "en": r"\b(benign|safe|harmless)\b",
    "hi": r"सौम्य|सुरक्षित|हानिरहित",
    "mr": r"सौम्य|सुरक्षित|निरुपद्रवी",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_verdict_of_benign_or_safe(language: str) -> None:
    said = {
        key
        for key, text in TEXTS[language].items()
        if re.search(FORBIDDEN[language], str(text), re.IGNORECASE)
    }
    # The formal name of a class may contain the word.
    assert {key for key in said if not key.endswith(".formal")} == set()


def test_bleeding_has_one_timing() -> None:
    timed = {key for key, text in TEXTS["en"].items() if "the same or the next day" in str(text)}
    named = {key for key, text in TEXTS["en"].items() if re.search(r"\bbleeds\b", str(text))}
    # The first names no timing; the second is a box to tick.
    assert named - timed == {"check.not", "letter.changes.bleeds"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_number_about_the_model_is_typed_in(language: str) -> None:
    typed = {
        key: numbers
        for key, text in TEXTS[language].items()
        if (numbers := re.findall(r"\d+", re.sub(r"HAM10000", "", str(text))))
    }
    # Confidence levels, and the denominator of natural frequencies.
    assert typed == {
        "model.measuredText": ["95"],
        "practitioner.interval": ["95"],
        "chance.text": ["100", "100"],
        "chance.under": ["100", "1"],
        "chance.over": ["100", "99"],
        "chance.figure": ["100", "100"],
        "chance.all": ["100"],
        "chance.missed": ["1"],
        "examples.credit": ["1", "0"],
        "examples.note": ["1", "0"],
    }


def test_the_page_without_javascript_says_the_same() -> None:
    template = ROOT / "function" / "lesionlens" / "templates" / "result.html"
    said = template.read_text()

    english = TEXTS["en"]
    keys = [key for key in english if re.fullmatch(r"disease\.\w+\.name|level\.\w+", key)]
    keys += [f"kind.{key}" for key in ("close-up", "close-upText", "other", "otherText", "next",
                                       "doctor", "signs", "without")]  # fmt: skip
    keys += [
        f"result.{key}" for key in ("notice", "noEstimate", "limits", "unchecked", "resembles")
    ]
    keys += ["chance.although", "retake.title", "retake.none", "retake.watch", "retake.other"]
    keys += ["diseases.malignant", "page.notice", "page.unreviewed", "doctor.title"]
    keys += ["doctor.general", "doctor.sign", "chance.missedSome", "missing.title", "missing.text"]
    assert [key for key in keys if english[key] not in said] == []
