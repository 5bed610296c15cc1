"""Creates multipart/form-data bodies as browsers do."""

# Field, file name (None for text fields), content.
Part = tuple[str, str | None, bytes]
MEDIA_TYPE = "multipart/form-data; boundary=edge"


def multipart(*parts: Part) -> tuple[bytes, str]:
    """Return a body and its media type."""
    body = b"".join(_head(field, name) + content + b"\r\n" for field, name, content in parts)
    return body + b"--edge--\r\n", MEDIA_TYPE


def _head(field: str, name: str | None) -> bytes:
    file = "" if name is None else f'; filename="{name}"'
    return f'--edge\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'.encode()
