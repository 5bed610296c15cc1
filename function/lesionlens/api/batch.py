"""Several images in one request: each has a result or a problem of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import MalformedRequest, Overloaded, Problem
from . import structured_log

# The stages after the upload, for one image.
Examine = Callable[[bytes], dict[str, Any]]


def build(request_id: str, files: Sequence[bytes], examine: Examine) -> dict[str, Any]:
    """Return the answer for all images, in their order.

    One after the other: other requests use the other interpreters meanwhile, and a batch holds no
    more than one decoded image in memory.
    """
    entries = []
    full: Overloaded | None = None
    for index, data in enumerate(files):
        try:
            if full:
                # One wait for room is enough: sixteen would outlast the request.
                raise full
            if not data:
                raise MalformedRequest("The image is empty (0 bytes).")
            entry = {"index": index, "result": examine(data)}
        except Problem as problem:
            full = problem if isinstance(problem, Overloaded) else None
            entry = {"index": index, "problem": problem.document(request_id)}
        except Exception as error:
            # A fault of ours at one image is no reason to withhold the others' results.
            structured_log.error("internal error", error, request_id=request_id)
            entry = {"index": index, "problem": Problem.unexpected().document(request_id)}
        entries.append(entry)
    return {"request_id": request_id, "results": entries}
