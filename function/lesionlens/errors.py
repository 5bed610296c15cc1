"""Everything that a request can do wrong, each with its status.

    Problem
    ├── MalformedRequest     400  the request, not the image, is wrong
    ├── NotAcceptable        406  no representation that the client accepts
    ├── BodyTooLarge         413  too many bytes
    ├── UnsupportedType      415  a media type or file format that is not accepted
    ├── ImageProblem         422  an accepted type whose content cannot be used
    │   ├── Undecodable           not an image, or damaged
    │   ├── Truncated             the file ends too early
    │   ├── TooSmall              fewer pixels than a lesion needs
    │   └── TooManyPixels         a decompression bomb, or nearly
    ├── Overloaded           503  too many images are being decoded; a later request finds room
    └── ModelUnavailable     503  the model could not be loaded; a later request tries again

A message says what was wrong, what was found and what is accepted.
"""


class Problem(Exception):
    """Base of all errors that are told to the client, as RFC 9457 problem details."""

    status = 500
    slug = "internal-error"
    title = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        return {}


class MalformedRequest(Problem):
    status = 400
    slug = "malformed-request"
    title = "Malformed request"


class NotAcceptable(Problem):
    status = 406
    slug = "not-acceptable"
    title = "Not acceptable"


class BodyTooLarge(Problem):
    status = 413
    slug = "body-too-large"
    title = "Body too large"


class UnsupportedType(Problem):
    status = 415
    slug = "unsupported-type"
    title = "Unsupported type"


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


class Overloaded(Problem):
    status = 503
    slug = "overloaded"
    title = "Overloaded"
    retry_after_s = 5

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class ModelUnavailable(Problem):
    """The model could not be loaded. The cause goes to the log, not to the client."""

    status = 503
    slug = "model-unavailable"
    title = "Model unavailable"
    retry_after_s = 5

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}
