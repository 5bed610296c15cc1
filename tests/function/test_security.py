"""Attacks that no other module tests, and the tests that SECURITY.md names."""

import io
import json
import re
import shlex
import struct
import subprocess
import sys
import zlib
from datetime import date
from pathlib import Path

import pytest
from PIL import Image, ImageFile
from pydicom.uid import JPEGBaseline8Bit
from werkzeug.test import Client

from lesionlens.api import keyring
from lesionlens.api.rate import Rate
from lesionlens.errors import ImageProblem
from lesionlens.imaging import decode
from tests.conftest import ROOT, create_client
from tests.dicom import photograph
from tests.pictures import JPEG, encoded, lesion

SECURITY = (ROOT / "SECURITY.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def huge_png() -> bytes:
    """A PNG of 65,535 pixels a side with most of its data missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999))


def sized(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) >= 1
    return data.replace(old, new)


HEIC = (ROOT / "tests" / "data" / "lesion.heic").read_bytes()
FLAT = Image.new("L", (8000, 6300))
HUGE_JPEG = sized(encoded(lesion()), struct.pack(">HH", 240, 320), b"\xff\xdc\xff\xdc")
BOMBS = {
    "PNG": huge_png(),
    "GIF": sized(encoded(lesion(), "GIF"), struct.pack("<HH", 320, 240), b"\xff\xff\xff\xff"),
    "BMP": sized(
        encoded(lesion(), "BMP"), struct.pack("<ii", 320, 240), struct.pack("<ii", 65535, 65535)
    ),
    "JPEG": HUGE_JPEG,
    "TIFF": encoded(FLAT, "TIFF", compression="tiff_lzw"),
    "WEBP": encoded(FLAT, "WEBP", quality=1, method=0),
    "AVIF": sized(encoded(lesion(), "AVIF"), struct.pack(">II", 320, 240), b"\0\0\xff\xff" * 2),
    "HEIC": sized(HEIC, struct.pack(">II", 320, 240), b"\0\0\xff\xff" * 2),
    "DICOM": photograph(
        syntax=JPEGBaseline8Bit,
        photometric="YBR_FULL_422",
        jpeg=HUGE_JPEG,
        Rows=0xFFDC,
        Columns=0xFFDC,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_every_format_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused for its size, or as damaged if the decoder itself detects it; never loaded."""

    def refuse(*_: object) -> None:
        raise AssertionError("the image was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    with pytest.raises(ImageProblem):
        decode.decode(BOMBS[name])


def test_a_polyglot_is_only_an_image(shared_client: Client) -> None:
    script = b"<html><script>alert(1)</script></html>"
    for data in (JPEG + script, JPEG + b"PK\x03\x04" + script, script + JPEG):
        response = shared_client.post("/v1/classify", data={"image": (io.BytesIO(data), "a.html")})
        assert response.status_code in (200, 415)
        assert response.content_type in ("application/json", "application/problem+json")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "alert" not in response.text


def test_an_address_cannot_forge_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    client = create_client()
    # functions-framework does not route addresses with line breaks, and nothing is logged.
    for path in ('/x","severity":"ERROR"}', '/x%0A{"severity":"ERROR"}%0D%0A', "/x%1B[2J"):
        assert client.get(path).status_code == 404
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["severity"] for line in lines] == ["INFO", "INFO"]
    assert "\x1b" not in "".join(lines)


def test_a_partners_key_among_the_files_fails_lint(tmp_path: Path) -> None:
    options = re.search(r"^NO_SECRETS := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert options
    scan = Path(sys.executable).with_name("detect-secrets-hook")
    arguments = shlex.split(options[1].replace("\\\n", " ").replace("$$", "$"))
    text, _ = keyring.create("Example Clinic", Rate(1, "day"), 1, date.max)
    for line, status in ((f'KEY = "{text}"\n', 1), ('KEY = os.environ["KEY"]\n', 0)):
        (tmp_path / "example.py").write_text(line)
        done = subprocess.run([scan, *arguments, "example.py"], cwd=tmp_path, capture_output=True)
        assert done.returncode == status, done.stdout


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", SECURITY)
    assert len(named) > 15
    listed = subprocess.run(
        ["git", "ls-files", "tests/*/test_*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    for file, name in named:
        (path,) = (path for path in paths if path.name == file)
        assert re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE), f"{file}::{name}"
