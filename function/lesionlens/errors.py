"""The errors that a client is told about, each with its HTTP status.

    Problem
    ├── MalformedRequest     400
    ├── Unauthorized         401
    ├── UnknownAddress       404
    ├── WrongMethod          405
    ├── NotAcceptable        406
    ├── TooSlow              408
    ├── StillAnswering       409
    ├── BodyTooLarge         413
    ├── UnsupportedType      415
    ├── UnsupportedCoding    415
    ├── ImageProblem         422
    │   ├── Undecodable
    │   ├── Truncated
    │   ├── TooSmall
    │   ├── TooManyPixels
    │   └── TooCostly
    ├── OtherRequest         422
    ├── BeyondLimit          422
    └── Later                     temporary, with Retry-After
        ├── TooManyRequests  429
        ├── Overloaded       503
        └── ModelUnavailable 503

``detail`` states what is wrong, the value that was found and what is accepted. It is sent to the
client, so it must not contain internals or secrets. ``slug`` is the last segment of the problem's
``type`` URI and part of the API.
"""

from typing import Any


class Problem(Exception):
    """Base of all errors that are sent to the client as problem details (RFC 9457).

    The class itself, with status 500, stands for an internal error.
    """

    status = 500
    slug = "internal-error"
    title = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @classmethod
    def unexpected(cls) -> "Problem":
        """Return the problem for an internal error, whose cause is only logged."""
        return cls("Something went wrong on our side; the request id helps us to find it.")

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that belong to this problem, by name."""
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
    """The syntax of a parameter, a header, the form or the JSON around the image is wrong."""

    status = 400
    slug = "malformed-request"
    title = "Malformed request"


class Unauthorized(Problem):
    """Credentials were sent that are unknown, expired or of an unsupported scheme.

    Requests without credentials belong to the public tier and are never refused with 401.
    """

    status = 401
    slug = "unauthorized"
    title = "Unauthorized"

    @property
    def headers(self) -> dict[str, str]:
        """The challenge that RFC 9110, 11.6.1, requires with a 401."""
        return {"WWW-Authenticate": 'Bearer realm="LesionLens"'}


class UnknownAddress(Problem):
    """No route has this path."""

    status = 404
    slug = "not-found"
    title = "Not found"


class WrongMethod(Problem):
    """The path exists, but not with this HTTP method."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str, allowed: str) -> None:
        """``allowed``: the methods of the path, separated by commas."""
        super().__init__(f"{method} is not possible here; accepted are {allowed}.")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        """The methods that exist, as RFC 9110, 15.5.6, requires with a 405."""
        return {"Allow": self.allowed}


class NotAcceptable(Problem):
    """The Accept header allows no media type in which this answer can be given."""

    status = 406
    slug = "not-acceptable"
    title = "Not acceptable"


class TooSlow(Problem):
    """The body did not arrive within the time limits of `api.slow_clients` or UPLOAD_SECONDS."""

    status = 408
    slug = "too-slow"
    title = "Too slow"


class StillAnswering(Problem):
    """An earlier request with the same Idempotency-Key is still in progress."""

    status = 409
    slug = "still-answering"
    title = "Still answering"

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After, in seconds: an answer usually takes less than one."""
        return {"Retry-After": "1"}


class BodyTooLarge(Problem):
    """The request body has more than MAX_UPLOAD_BYTES bytes."""

    status = 413
    slug = "body-too-large"
    title = "Body too large"

    @classmethod
    def over(cls, limit: int) -> "BodyTooLarge":
        """Return the problem of a body of more than ``limit`` bytes."""
        return cls(f"The body is too large; at most {limit} bytes are accepted.")


class UnsupportedType(Problem):
    """The media type of the body, or the file format of the image, is not supported."""

    status = 415
    slug = "unsupported-type"
    title = "Unsupported type"


class UnsupportedCoding(Problem):
    """The body has a Content-Encoding other than identity, such as gzip."""

    status = 415
    slug = "unsupported-coding"
    title = "Unsupported coding"

    @property
    def headers(self) -> dict[str, str]:
        """The accepted content coding, see RFC 9110, 12.5.3."""
        return {"Accept-Encoding": "identity"}


class ImageProblem(Problem):
    """Base of the errors in the content of an image file of a supported format."""

    status = 422


class Undecodable(ImageProblem):
    """The file is damaged, not an image, or uses an unsupported variant of its format."""

    slug = "undecodable-image"
    title = "Undecodable image"


class Truncated(ImageProblem):
    """The file ends before the end of its image data."""

    slug = "truncated-image"
    title = "Truncated image"


class TooSmall(ImageProblem):
    """A side of the image has fewer than `imaging.sizes.MIN_SIDE` pixels."""

    slug = "image-too-small"
    title = "Image too small"


class TooManyPixels(ImageProblem):
    """The image exceeds the pixel limit of its format (`imaging.sizes.MAX_PIXELS`)."""

    slug = "too-many-pixels"
    title = "Too many pixels"


class TooCostly(ImageProblem):
    """Decoding exceeded the memory or processor time that one image may use."""

    slug = "too-costly-image"
    title = "Image too costly"


class OtherRequest(Problem):
    """The Idempotency-Key was used before with a different request."""

    status = 422
    slug = "other-request"
    title = "Other request"


class BeyondLimit(Problem):
    """The request counts as more images than a whole rate-limit window allows."""

    status = 422
    slug = "beyond-limit"
    title = "Beyond the limit"

    @classmethod
    def of(cls, images: int, views: int, limit: int, rate: str) -> "BeyondLimit":
        """Return the problem of ``images`` images with ``views`` views each.

        ``limit``: views that a whole window of ``rate`` allows.
        """
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
        """Retry-After, in seconds."""
        return {"Retry-After": str(self.retry_after_s)}


class TooManyRequests(Later):
    """The rate limit, or the limit on wrong API keys from one address, is used up.

    ``retry_after_s``: seconds until the window ends.
    """

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(Later):
    """Too many images are being decoded, or one could not be decoded before its deadline."""

    status = 503
    slug = "overloaded"
    title = "Overloaded"


class ModelUnavailable(Later):
    """The model could not be loaded; the cause is logged, not sent to the client."""

    status = 503
    slug = "model-unavailable"
    title = "Model unavailable"
