"""Parsing forms, and the cost of hostile ones."""

import io
import time
import tracemalloc

import pytest

from lesionlens.api import forms
from lesionlens.errors import MalformedRequest
from tests.multipart_forms import multipart

BYTES = 4_000_000


def parsed(body: bytes, boundary: str = "edge", name: str = "image") -> forms.Form:
    return forms.parse(io.BytesIO(body).read, boundary, name)


def head(lines: bytes) -> bytes:
    return b"--edge\r\n" + lines + b"\r\n\r\nx\r\n--edge--\r\n"


def test_files_of_the_field_come_in_their_order_and_others_are_skipped() -> None:
    body, _ = multipart(
        ("note", None, b"text"), ("image", "a", b"\r\n--edg"), ("image", "b", b""), ("x", "c", b"y")
    )
    form = parsed(body)
    assert form.files == [b"\r\n--edg", b""]
    assert form.names == ["note", "image", "image", "x"]


@pytest.mark.parametrize("boundary", ["€", "\ud800"])
def test_a_boundary_outside_ascii_is_malformed(boundary: str) -> None:
    with pytest.raises(MalformedRequest, match="characters outside ASCII"):
        parsed(b"--edge--", boundary)


@pytest.mark.parametrize(
    "disposition",
    [
        b'name="image"; filename="a b.jpg"',
        b"name=image; filename=a",
        b"name=image; filename*=utf-8''l%C3%A4sion.jpg",
        b'filename="C:\\\\x.jpg"; name="image"',
    ],
)
def test_variants_of_content_disposition_are_read(disposition: bytes) -> None:
    body = head(b"content-disposition: form-data; " + disposition)
    assert parsed(b"preamble\r\n" + body + b"epilogue").files == [b"x"]


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Disposition: form-data; name*=utf-8''" + b"%41" * (BYTES // 3),
        b'Content-Disposition: form-data; name="x"' + b"\r\n b" * (BYTES // 4),
        b'Content-Disposition: form-data; name="image"; filename="x"' + b";a=b" * (BYTES // 4),
        b"A: b\r\n" * (BYTES // 6) + b"Content-Disposition: form-data; name=x",
        b"x" * BYTES,
    ],
    ids=["name", "folded", "parameters", "headers", "line"],
)
def test_hostile_headers_cost_little(lines: bytes) -> None:
    body = head(lines)
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(MalformedRequest):
        parsed(body)
    assert time.process_time() - started < 0.5
    # Without the body itself, which `BytesIO` shares.
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("line", [b"nonsense", b'Content-Disposition: form-data; name="im\xff"'])
def test_a_form_whose_headers_are_malformed_is_not_told_of_its_boundary(line: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"The form is malformed: .*[Hh]eader"):
        parsed(head(line))


@pytest.mark.parametrize("parts", [forms.MAX_PARTS, forms.MAX_PARTS + 1])
def test_parts_are_bounded(parts: int) -> None:
    body, _ = multipart(*[("image", "a", b"x")] * parts)
    if parts > forms.MAX_PARTS:
        with pytest.raises(MalformedRequest, match="too many or too long parts"):
            parsed(body)
    else:
        assert len(parsed(body).files) == parts


IMAGE = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
FINAL = b"--edge--\r\n"


def without_content(name: bytes) -> bytes:
    return b'--edge\r\nContent-Disposition: form-data; name="' + name + b'"; filename="b"\r\n\r\n'


@pytest.mark.parametrize("size", [1, 10, forms.CHUNK_BYTES])
@pytest.mark.parametrize("name", ["image", "note", "subject"])
@pytest.mark.parametrize("last", [True, False])
def test_a_part_without_content_is_told_and_swallows_no_other(
    monkeypatch: pytest.MonkeyPatch, size: int, name: str, last: bool
) -> None:
    monkeypatch.setattr(forms, "CHUNK_BYTES", size)
    bare = without_content(name.encode())
    body = IMAGE + bare + FINAL if last else bare + IMAGE + FINAL
    with pytest.raises(MalformedRequest, match=f"'{name}' ends with its headers"):
        forms.parse(io.BytesIO(body).read, "edge", "image", ("subject",))


def test_an_empty_part_is_harmless() -> None:
    form = parsed(without_content(b"note") + b"\r\n" + IMAGE + FINAL)
    assert form.files == [b"x"]
    assert form.names == ["note", "image"]


def test_a_text_field_is_among_the_names() -> None:
    body, _ = multipart(("subject", None, b"Patient/1"))
    form = forms.parse(io.BytesIO(body).read, "edge", "image", ("subject",))
    assert form.texts == {"subject": "Patient/1"}
    assert form.names == ["subject"]
