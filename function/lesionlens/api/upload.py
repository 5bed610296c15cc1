"""The images of a request, sent as a form, as JSON or as the body itself."""

from dataclasses import dataclass
from typing import Any

import flask

from ..errors import MalformedRequest, UnsupportedType
from . import forms, json_body, request_body
from .record import FIELDS, NOTHING, Record

FIELD = "image"
BATCH_FIELD = "images"
FORM_TYPE = "multipart/form-data"
JSON_TYPE = "application/json"
# Media types of a body that is an image itself, beside image/… and none at all. The file's content
# determines its format, whatever its media type.
RAW_TYPES = ("application/octet-stream", "binary/octet-stream", "application/dicom")
RAW_FAMILY = "image/"
ACCEPTED = (
    f"{FORM_TYPE} (field {FIELD!r}), {JSON_TYPE} ({{{FIELD!r}: BASE64}}), {RAW_FAMILY}…, "
    + ", ".join(RAW_TYPES)
)

ACCEPTED_BATCH = (
    f"{FORM_TYPE} (field {BATCH_FIELD!r}) and "
    f'{JSON_TYPE} ({{"{BATCH_FIELD}": [{{"{FIELD}": BASE64}}, …]}})'
)

# Brackets and commas in a JSON body, and further ones for each image of a batch.
MAX_JSON_DELIMITERS = 100
DELIMITERS_PER_IMAGE = 10
MAX_ID = 128  # characters


@dataclass(frozen=True)
class Upload:
    """One image file as it was sent, not yet decoded."""

    data: bytes
    record: Record = NOTHING
    id: str | None = None  # of an image in a batch; repeated in the answer


def read(request: flask.Request) -> Upload:
    """Return the image of a request.

    Raises MalformedRequest, UnsupportedType, UnsupportedCoding, TooSlow, and BodyTooLarge or
    Werkzeug's RequestEntityTooLarge if the body is over the app's limit.
    """
    media_type = request_body.media_type(request)
    with request_body.receiving(request):
        if media_type == FORM_TYPE:
            posted = _from_form(request)
        elif media_type == JSON_TYPE:
            body = request_body.read(request)
            with json_body.turn(body):
                posted = _from_json(body)
        elif not media_type or media_type in RAW_TYPES or media_type.startswith(RAW_FAMILY):
            posted = Upload(request_body.read(request))
        else:
            raise UnsupportedType(
                f"The body is {media_type[:100]}; accepted are {ACCEPTED}, or no type at all."
            )
    if not posted.data:
        raise MalformedRequest("The image is empty (0 bytes); send the bytes of one image file.")
    return posted


def read_batch(request: flask.Request, most: int) -> list[Upload]:
    """Return the images of a request in their order, at most ``most``; some may be empty.

    Raises what `read` raises, and MalformedRequest for more images or none.
    """
    media_type = request_body.media_type(request)
    with request_body.receiving(request):
        if media_type == FORM_TYPE:
            posted = _several_from_form(request, most)
        elif media_type == JSON_TYPE:
            body = request_body.read(request)
            with json_body.turn(body):
                posted = _several_from_json(body, most)
        else:
            raise UnsupportedType(
                f"The body is {media_type[:100] or 'of no type'}; accepted are {ACCEPTED_BATCH}."
            )
    if len(posted) > most:
        raise MalformedRequest(f"{len(posted)} images were sent; at most {most} are accepted.")
    return posted


def _form(request: flask.Request, field: str) -> forms.Form:
    boundary = request.mimetype_params.get("boundary", "")
    return forms.parse(request.stream.read, boundary, field, FIELDS)


def _from_form(request: flask.Request) -> Upload:
    form = _form(request, FIELD)
    if len(form.files) == 1:
        return Upload(form.files[0], Record.of(form.texts))
    if form.files:
        raise MalformedRequest(f"{len(form.files)} images were sent; this address takes one.")
    if form.as_text:
        raise MalformedRequest(
            f"The field {FIELD!r} is text; send it as a file, with a filename in its part."
        )
    found = sorted(set(form.names))
    names = ", ".join(map(repr, found[:5])) if found else "no field"
    raise MalformedRequest(f"The form holds {names}; the image belongs in the field {FIELD!r}.")


def _several_from_form(request: flask.Request, most: int) -> list[Upload]:
    form = _form(request, BATCH_FIELD)
    if not form.files:
        raise MalformedRequest(
            f"The form holds no file in the field {BATCH_FIELD!r}; 1 to {most} are accepted."
        )
    record = Record.of(form.texts)
    return [Upload(data, record) for data in form.files]


def _from_json(body: bytes) -> Upload:
    document = json_body.parse(body, MAX_JSON_DELIMITERS, f'{{"{FIELD}": "BASE64"}}')
    if not isinstance(document, dict) or not isinstance(document.get(FIELD), str):
        raise MalformedRequest(f'The JSON must be an object {{"{FIELD}": "BASE64"}}.')
    return Upload(json_body.decode_base64(document[FIELD], FIELD), Record.of(document))


def _several_from_json(body: bytes, most: int) -> list[Upload]:
    shape = f'{{"{BATCH_FIELD}": [{{"{FIELD}": "BASE64", "id": "YOURS"}}, …]}}'
    document = json_body.parse(body, MAX_JSON_DELIMITERS + DELIMITERS_PER_IMAGE * most, shape)
    images = document.get(BATCH_FIELD) if isinstance(document, dict) else None
    if not isinstance(images, list) or not images:
        raise MalformedRequest(f"The JSON must be an object {shape}; 1 to {most} are accepted.")
    return [_one_of_several(number, entry, shape) for number, entry in enumerate(images)]


def _one_of_several(number: int, entry: Any, shape: str) -> Upload:
    place = f"{BATCH_FIELD}[{number}]"
    if not isinstance(entry, dict) or not isinstance(entry.get(FIELD), str):
        raise MalformedRequest(f"{place} is no object with {FIELD!r}; accepted is {shape}.")
    name = entry.get("id")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= MAX_ID):
        raise MalformedRequest(f"{place}.id is no text of 1 to {MAX_ID} characters.")
    data = json_body.decode_base64(entry[FIELD], f"{place}.{FIELD}")
    return Upload(data, Record.of(entry), name)
