"""Bodies of multipart/form-data as browsers write them."""

# Field, file name (None: a text field), content.
Part = tuple[str, str | None, bytes]
MEDIA_TYPE = "multipart/form-data; boundary=edge"


def multipart(*parts: Part) -> tuple[bytes, str]:
    """A body and its media type."""
    body = b"".join(_head(field, name) + content + b"\r\n" for field, name, content in parts)
    return body + b"--edge--\r\n", MEDIA_TYPE


def _head(field: str, name: str | None) -> bytes:
    file = "" if name is None else f'; filename="{name}"'
    return f'--edge\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'.encode()
