"""The errors that a client is told of, each with its HTTP status.

    Problem
    ├── MalformedRequest     400  the request, not the image, is wrong
    ├── Unauthorized         401  a key that is wrong, expired or of another form
    ├── UnknownAddress       404  no such path
    ├── WrongMethod          405  a path that has other methods
    ├── NotAcceptable        406  no representation that the client accepts
    ├── TooSlow              408  the body did not arrive in time
    ├── StillAnswering       409  a request with the same Idempotency-Key is still being answered
    ├── BodyTooLarge         413  too many bytes
    ├── UnsupportedType      415  a media type or file format that is not accepted
    ├── UnsupportedCoding    415  a Content-Encoding, such as gzip
    ├── ImageProblem         422  an accepted type whose content cannot be used
    │   ├── Undecodable           not an image, or damaged
    │   ├── Truncated             the file ends too early
    │   ├── TooSmall              fewer pixels than a lesion needs
    │   ├── TooManyPixels         a decompression bomb, or nearly
    │   └── TooCostly             more memory or time to decode than a picture may take
    ├── OtherRequest         422  an Idempotency-Key that belongs to another request
    ├── BeyondLimit          422  more images than the caller's limit ever holds
    └── Later                     temporary; Retry-After says when to try again
        ├── TooManyRequests  429  a limit is used up
        ├── Overloaded       503  too many images are being decoded
        └── ModelUnavailable 503  the model could not be loaded

A message says what was wrong, what was found and what is accepted.
"""

from typing import Any


class Problem(Exception):
    """Base of all errors that the client is told of, as RFC 9457 problem details."""

    status = 500
    slug = "internal-error"
    title = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @classmethod
    def unexpected(cls) -> "Problem":
        """Return the problem for an internal error."""
        return cls("Something went wrong on our side; the request id helps us to find it.")

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem details of RFC 9457."""
        return {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }


class MalformedRequest(Problem):
    status = 400
    slug = "malformed-request"
    title = "Malformed request"


class Unauthorized(Problem):
    status = 401
    slug = "unauthorized"
    title = "Unauthorized"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="LesionLens"'}


class UnknownAddress(Problem):
    status = 404
    slug = "not-found"
    title = "Not found"


class WrongMethod(Problem):
    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"{method} is not possible here; accepted are {allowed}.")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": self.allowed}


class NotAcceptable(Problem):
    status = 406
    slug = "not-acceptable"
    title = "Not acceptable"


class TooSlow(Problem):
    status = 408
    slug = "too-slow"
    title = "Too slow"


class StillAnswering(Problem):
    status = 409
    slug = "still-answering"
    title = "Still answering"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}


class BodyTooLarge(Problem):
    status = 413
    slug = "body-too-large"
    title = "Body too large"

    @classmethod
    def over(cls, limit: int) -> "BodyTooLarge":
        return cls(f"The body is too large; at most {limit} bytes are accepted.")


class UnsupportedType(Problem):
    status = 415
    slug = "unsupported-type"
    title = "Unsupported type"


class UnsupportedCoding(Problem):
    status = 415
    slug = "unsupported-coding"
    title = "Unsupported coding"

    @property
    def headers(self) -> dict[str, str]:
        # RFC 9110, 12.5.3: what would be accepted.
        return {"Accept-Encoding": "identity"}


class ImageProblem(Problem):
    status = 422


class Undecodable(ImageProblem):
    slug = "undecodable-image"
    title = "Undecodable image"


class Truncated(ImageProblem):
    slug = "truncated-image"
    title = "Truncated image"


class TooSmall(ImageProblem):
    slug = "image-too-small"
    title = "Image too small"


class TooManyPixels(ImageProblem):
    slug = "too-many-pixels"
    title = "Too many pixels"


class TooCostly(ImageProblem):
    slug = "too-costly-image"
    title = "Image too costly"


class OtherRequest(Problem):
    status = 422
    slug = "other-request"
    title = "Other request"


class BeyondLimit(Problem):
    status = 422
    slug = "beyond-limit"
    title = "Beyond the limit"

    @classmethod
    def of(cls, images: int, views: int, limit: int, rate: str) -> "BeyondLimit":
        """Of ``images`` with ``views`` each, where a window of the limit holds ``limit`` views."""
        pictures = f"{images} image{'s' if images > 1 else ''}"
        fewer = f"up to {limit // views} images with views={views}" if limit >= views else ""
        less = f"views={limit // images} or fewer" if limit >= images else ""
        accepted = " or ".join(filter(None, (fewer, less))) or f"up to {limit} images with views=1"
        return cls(
            f"{pictures} with views={views} count as {images * views}, above the limit of {rate}, "
            f"so that waiting does not help; accepted are {accepted}."
        )


class Later(Problem):
    """A temporary problem: the same request may succeed after ``retry_after_s`` seconds."""

    retry_after_s = 5

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class TooManyRequests(Later):
    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(Later):
    status = 503
    slug = "overloaded"
    title = "Overloaded"


class ModelUnavailable(Later):
    """The model could not be loaded. The cause goes to the log, not to the client."""

    status = 503
    slug = "model-unavailable"
    title = "Model unavailable"
