"""Reads objects through Cloud Storage's JSON API, without the client library.

Importing the library takes longer than reading a release. Only a normal cold start is handled here:
credentials of the instance's service account (or an emulator), and a successful response. In every
other case `QuickReader.read` returns None, and the caller falls back to the library, which has
retries and error messages.

https://cloud.google.com/storage/docs/json_api/v1/objects/get
https://cloud.google.com/run/docs/container-contract#metadata-server
"""

import base64
import http.client
import json
import os
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

ENDPOINT = "https://storage.googleapis.com"
METADATA_HOST = "metadata.google.internal"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path
TIMEOUT_S = 2.0  # for each socket operation; those of the fallback are longer


@dataclass
class QuickReader:
    """Reads objects of one bucket; connections are kept open. Thread-safe."""

    bucket: str
    endpoint: str
    headers: dict[str, str]
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)

    def read(self, name: str, at_most: int) -> tuple[bytes, int] | None:
        """Return an object's content and generation, or None if the library must be used.

        None also for an object of more than ``at_most`` bytes. The content has the CRC32C that
        Cloud Storage states.
        """
        path = f"/download/storage/v1/b/{quote(self.bucket, '')}/o/{quote(name, '')}?alt=media"
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _connection(self.endpoint)
        try:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            # One more byte shows that the object is too large. A truncated body has another hash.
            data = response.read(at_most + 1) if response.status == 200 else b""
            headers = response.headers
            generation = int(headers["X-Goog-Generation"])
            if len(data) > at_most or not _intact(data, headers["X-Goog-Hash"]):
                raise ValueError("not the whole object")
        except (OSError, http.client.HTTPException, ValueError, TypeError, AttributeError):
            connection.close()
            return None
        self._idle.append(connection)
        return data, generation

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()


def open_reader(bucket: str) -> QuickReader | None:
    """Return a reader with the instance's credentials; None if other credentials are configured."""
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        return QuickReader(bucket, emulator if "://" in emulator else f"http://{emulator}", {})
    # The first is set wherever the function runs on Google Cloud; the second overrides the
    # instance's credentials.
    if "K_SERVICE" not in os.environ or "GOOGLE_APPLICATION_CREDENTIALS" in os.environ:
        return None
    try:
        return QuickReader(bucket, ENDPOINT, {"Authorization": f"Bearer {_token()}"})
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None


def _token() -> str:
    """The access token of the instance's service account."""
    host = os.environ.get("GCE_METADATA_HOST", METADATA_HOST)
    connection = _connection(f"http://{host}")
    try:
        connection.request("GET", TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
        return str(json.loads(connection.getresponse().read())["access_token"])
    finally:
        connection.close()


def _connection(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    made = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return made(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def _intact(data: bytes, hashes: str) -> bool:
    """Whether the CRC32C of the bytes is among ``hashes``, the value of X-Goog-Hash."""
    import google_crc32c

    found = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
    return f"crc32c={found}" in hashes.split(",")
