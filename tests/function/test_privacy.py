"""Nothing of an upload is in the real server's logs and files; the images contain a marker."""

import base64
import contextlib
import hashlib
import http.client
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin
from pydicom.uid import JPEGBaseline8Bit

from tests import server
from tests.dicom import MARK, photograph
from tests.pictures import encoded, lesion

ADDRESS = "203.0.113.77"

# Runs in every process of the server: reports each file that is opened for writing, except the null
# device, which decoders use for their standard streams.
WATCH = """
import os, sys
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
def watch(event, arguments):
    if event == "open" and arguments[2] & WRITING and arguments[0] != os.devnull:
        os.write(2, f"OPENED FOR WRITING {arguments[0]!r}\\n".encode())
sys.addaudithook(watch)
"""


def marked() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = exif[ExifTags.Base.ImageDescription] = MARK
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{MARK}</x:xmpmeta>".encode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", MARK)
    # Noise does not compress: this part exceeds 500 kB, which Werkzeug would write to disk.
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8)
    jpeg = encoded(lesion(), exif=exif, xmp=xmp)
    large = encoded(Image.fromarray(noise), "PNG", pnginfo=text)
    assert len(large) > 1_000_000
    dicom = photograph()
    files = {
        "jpeg": jpeg,
        "large png": large,
        "dicom": dicom,
        "dicom of a jpeg": photograph(syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422"),
        "cut jpeg": jpeg[: len(jpeg) // 2],
        "cut dicom": dicom[:1200],
        "other dicom": photograph(sop_class="1.2.840.10008.5.1.4.1.1.2"),
        "wrong dicom": photograph(Rows=9999),
        "svg": f"<svg>{MARK}</svg>".encode(),
        "noise": MARK.encode() * 50,
    }
    assert all(MARK.encode() in data for data in files.values())
    return files


def ways(name: str, data: bytes) -> list[tuple[bytes, str, str]]:
    """Body and media type of the three kinds of requests, and the requested response format."""
    head = f'--e\r\nContent-Disposition: form-data; name=image; filename="{MARK}-{name}"\r\n\r\n'
    form = head.encode() + data + b"\r\n--e--\r\n"
    document = json.dumps({"image": base64.b64encode(data).decode()}).encode()
    return [
        (data, "application/octet-stream", "application/fhir+json"),
        (form, "multipart/form-data; boundary=e", "text/html"),
        (document, "application/json", "application/json"),
    ]


def test_nothing_of_an_image_is_written_anywhere(tmp_path: Path) -> None:
    log_file, watch, working = tmp_path / "log.txt", tmp_path / "watch", tmp_path / "work"
    temporary = tmp_path / "tmp"
    for folder in (watch, working, temporary):
        folder.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    environment: dict[str, Any] = {
        "PYTHONPATH": str(watch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
        "LOG_LEVEL": "DEBUG",
    }
    with server.running(log_file, folder=working, **environment) as serving:
        assert serving.get("/ready")[0] == 200
        started = len(serving.log.read_bytes())
        # The server's own heartbeat file is reported, so the hook works.
        assert b"OPENED FOR WRITING" in serving.log.read_bytes()
        statuses = set()
        for name, data in marked().items():
            for body, media_type, accept in ways(name, data):
                status, answer = ask(serving, body, media_type, accept)
                statuses.add(status)
                assert MARK not in answer
        assert statuses == {200, 415, 422}
        left = {path for path in tmp_path.rglob("*") if path.is_file()}
        log = serving.log.read_bytes()[started:].decode()
    # Nothing in the temporary folder, nor in the server's working directory.
    assert left == {log_file, watch / "sitecustomize.py"}
    assert log.count("POST /v1/classify") == 3 * len(marked())
    for forbidden in ("OPENED FOR WRITING", MARK, ADDRESS, *hashes(marked().values())):
        assert forbidden not in log


def ask(serving: server.Server, body: bytes, media_type: str, accept: str) -> tuple[int, str]:
    client = http.client.HTTPConnection(urlsplit(serving.url).netloc, timeout=120)
    headers = {"Content-Type": media_type, "Accept": accept, "X-Forwarded-For": ADDRESS}
    with contextlib.closing(client) as connection:
        connection.request("POST", "/v1/classify", body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def hashes(files: Iterable[bytes]) -> list[str]:
    return [
        hashlib.new(kind, data).hexdigest() for data in files for kind in ("md5", "sha1", "sha256")
    ]
