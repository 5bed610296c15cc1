"""Identifiers that a caller may send with an image and gets back in the answer. Never logged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, cast

from ..errors import MalformedRequest
from ..model import result_document

# As in FHIR R4B: a literal reference, and a token of the form SYSTEM|VALUE.
SUBJECT = re.compile(r"https?://\S+|urn:\S+|[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")
TOKEN = re.compile(r"[a-z][a-z0-9+.-]*:[^\s|]+\|\S(?:.*\S)?")
MAX_CHARACTERS = 256


@dataclass(frozen=True)
class Record:
    """Patient, image identifier and body site, as the caller sent them; all are optional."""

    subject: str | None = None  # a FHIR reference to the patient, such as Patient/123
    identifier: str | None = None  # SYSTEM|VALUE, of the image
    body_site: str | None = None  # SYSTEM|CODE, or text

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Validate the fields of a record among ``values``. Raises MalformedRequest."""
        found = {name: values[name] for name in FIELDS if values.get(name) is not None}
        for name, value in found.items():
            if not isinstance(value, str) or not 0 < len(value) <= MAX_CHARACTERS:
                raise MalformedRequest(
                    f"{name} is empty or too long; accepted are 1 to {MAX_CHARACTERS} characters."
                )
            if not value.isprintable() or value != value.strip():
                raise MalformedRequest(
                    f"{name} has space around it, or characters that cannot be printed."
                )
        if "subject" in found and not SUBJECT.fullmatch(found["subject"]):
            raise MalformedRequest(
                "subject is no reference; accepted is one such as Patient/123, or a URL or URN."
            )
        if "identifier" in found and not TOKEN.fullmatch(found["identifier"]):
            raise MalformedRequest(
                "identifier is no SYSTEM|VALUE; accepted is one such as "
                "https://clinic.example/images|4711."
            )
        return cls(**found)

    def document(self) -> result_document.Record:
        """Return the fields that were sent, by name."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return cast(result_document.Record, known)


FIELDS = tuple(field.name for field in fields(Record))
NOTHING = Record()
