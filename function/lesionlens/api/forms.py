"""Parses multipart/form-data (RFC 7578) in memory, with bounds on headers, parts and names.

Werkzeug's parser bounds neither the headers of a part nor the memory for them: one header of 20 MB
took 1.7 GB.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from ..errors import MalformedRequest

CHUNK_BYTES = 64 * 1024
MAX_HEADER_BYTES = 4096  # of one header line of a part
MAX_HEADERS = 8  # of one part
MAX_PARTS = 128
MAX_TEXT_BYTES = 1024  # of a text field
# RFC 2046, 5.1.1, allows 70; Werkzeug's client at times sends 72.
MAX_BOUNDARY = 100
SHOWN = 40  # characters of a name or boundary in a message


@dataclass
class Form:
    """The requested fields of a form; other fields are skipped."""

    files: list[bytes] = field(default_factory=list)  # of the requested file field, in order
    as_text: bool = False  # whether that field came as text, without a filename
    texts: dict[str, str] = field(default_factory=dict)  # of the requested text fields
    names: list[str] = field(default_factory=list)  # of all fields, cut to SHOWN characters


def parse(
    read: Callable[[int], bytes], boundary: str, name: str, texts: Collection[str] = ()
) -> Form:
    """Parse a form; return the files in the field ``name`` and the fields named in ``texts``.

    ``read(size)`` returns up to ``size`` bytes of the body, and b"" at its end. The content of
    other fields is not kept in memory. Raises MalformedRequest.
    """
    if not boundary:
        raise MalformedRequest(
            "Content-Type is multipart/form-data without a boundary; "
            "accepted is multipart/form-data; boundary=…, as HTTP libraries write it themselves."
        )
    form = Form()
    beginning = b""
    encoded = _encoded(boundary)
    delimiter = b"--" + encoded
    content: list[bytes] | None = None  # of the part being read; None for a part that is skipped
    start = b""  # of that part's content, as many bytes as the delimiter has
    text = ""  # the name of that part, if it is a requested text field
    try:
        parser = PushMultipartParser(
            encoded,
            max_header_size=MAX_HEADER_BYTES,
            max_header_count=MAX_HEADERS,
            max_segment_count=MAX_PARTS,
        )
        while chunk := read(CHUNK_BYTES):
            beginning = beginning or chunk[:MAX_BOUNDARY]
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    start = b""
                    form.names.append((event.name or "")[:SHOWN])
                    text = event.name if event.name in texts else ""
                    content = [] if text else _begin(form, event, name)
                    continue
                if event is not None and len(start) < len(delimiter):
                    start += bytes(event[: len(delimiter)])
                    if start.startswith(delimiter):
                        raise _without_content(form.names[-1])
                if content is None:
                    continue
                if event is not None:
                    content.append(bytes(event))
                    if text and sum(map(len, content)) > MAX_TEXT_BYTES:
                        raise _too_long(text)
                elif text:
                    form.texts[text] = b"".join(content).decode()
                else:
                    form.files.append(b"".join(content))
        parser.close()
    except ParserLimitReached as error:
        raise MalformedRequest(
            f"The form has too many or too long parts or headers ({error}); accepted are "
            f"{MAX_PARTS} parts, each with {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes."
        ) from None
    except UnicodeDecodeError:
        raise MalformedRequest(f"The field {text!r} is not text in UTF-8.") from None
    except ParserError as error:
        if not form.names and not beginning.lstrip().startswith(delimiter + b"\r\n"):
            raise MalformedRequest(_unfound(boundary, beginning)) from None
        # Only the first argument: the second quotes the form.
        raise MalformedRequest(f"The form is malformed: {error.args[0].rstrip('.')}.") from None
    return form


def _encoded(boundary: str) -> bytes:
    if len(boundary) > MAX_BOUNDARY:
        raise MalformedRequest(
            f"The boundary of the form has {len(boundary)} characters; "
            f"accepted are up to {MAX_BOUNDARY}."
        )
    try:
        return boundary.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedRequest(
            "The boundary of the form has characters outside ASCII; accepted are those of RFC 2046."
        ) from None


def _begin(form: Form, segment: MultipartSegment, name: str) -> list[bytes] | None:
    """Return a list for the content of a part, or None if it is not the requested file."""
    if segment.name != name:
        return None
    disposition = segment.header("Content-Disposition") or ""
    # Some clients send non-ASCII names as filename*=, although RFC 7578 forbids it.
    if segment.filename is None and "filename*=" not in disposition.lower():
        form.as_text = True
        return None
    coding = (segment.header("Content-Transfer-Encoding") or "binary").strip().lower()
    if coding not in ("binary", "8bit", "7bit"):
        raise MalformedRequest(
            f"The part {name!r} has Content-Transfer-Encoding {coding[:SHOWN]!r}; "
            "accepted is the file as it is (RFC 7578, 4.7)."
        )
    return []


def _too_long(name: str) -> MalformedRequest:
    return MalformedRequest(
        f"The field {name!r} is too long; accepted are up to {MAX_TEXT_BYTES} bytes."
    )


def _without_content(name: str) -> MalformedRequest:
    """The error for a part that ends after its headers, without an empty line.

    The parser would take the following parts for its content. RFC 2046, 5.1.1, allows such parts,
    but HTTP libraries do not write them.
    """
    return MalformedRequest(
        f"The part {name!r} ends with its headers (0 bytes); accepted is an empty line after them, "
        "then the content, if any, and a line break before the next boundary."
    )


def _unfound(boundary: str, beginning: bytes) -> str:
    announced = f"the boundary {boundary[:MAX_BOUNDARY]!r} that Content-Type announces"
    first = beginning.partition(b"\n")[0].strip()
    if not beginning:
        return f"The form is empty (0 bytes); accepted are parts between {announced}."
    if first.startswith(b"--") and first[2:] != boundary.encode("latin-1", "replace"):
        shown = first[2:].decode("latin-1")
        return f"The form does not hold {announced}; its own is {shown!r}."
    return f"The form does not hold {announced}, or no complete part after it."
