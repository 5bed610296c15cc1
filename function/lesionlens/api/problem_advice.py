"""What each problem means and what the client can do about it, by the slug of `errors`."""

from dataclasses import dataclass

# Whether the same request may succeed when it is sent again.
NEVER, WAIT, ONCE = "no", "yes, after Retry-After", "yes, a few times"


@dataclass(frozen=True)
class Advice:
    """English texts about one problem type; ``again``: whether a retry may succeed, see above."""

    means: str
    remedy: str
    again: str = NEVER


ADVICE = {
    "malformed-request": Advice(
        "The request is not of the form that the address takes: a parameter, a header, the form or "
        "the JSON around the image.",
        "Correct what the detail names. The OpenAPI document has every parameter and body.",
    ),
    "unauthorized": Advice(
        "A key was sent that is wrong, has expired or is of another scheme. It is never taken for "
        "no key at all.",
        "Send a valid key as Authorization: Bearer KEY or X-API-Key: KEY; ask the operator for a "
        "new one. After ten wrong keys in a minute an address gets 429.",
    ),
    "not-found": Advice(
        "There is no such path. A slash at the end, or two in a row, make another path.",
        "Use one of the paths that the detail lists.",
    ),
    "method-not-allowed": Advice(
        "The path exists, with other methods.",
        "Use a method that the header Allow names.",
    ),
    "not-acceptable": Advice(
        "The header Accept names nothing that this address answers, or the form that it names "
        "cannot hold what is asked for (an explanation is given in JSON only).",
        "Accept application/json, or one of the types that the detail lists.",
    ),
    "too-slow": Advice(
        "The body did not arrive within the time that an upload may take, which is shorter while "
        "slow uploads keep others waiting.",
        "Send a smaller image (600 to 1,200 pixels a side are enough) or fewer images a request, "
        "or use a faster connection.",
        ONCE,
    ),
    "still-answering": Advice(
        "The first request with this Idempotency-Key is still being answered.",
        "Send it again after Retry-After; it gets the first request's answer.",
        WAIT,
    ),
    "body-too-large": Advice(
        "The body has more bytes than are accepted.",
        "Send the image as JPEG or scale it down; split a batch. Where your HTTP library reports a "
        "broken connection instead of the status, it does not read an answer while it sends.",
    ),
    "unsupported-type": Advice(
        "The body's media type, or the kind of file, is not accepted.",
        "Send JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, HEIC or DICOM as multipart/form-data, "
        "JSON with base64, or the bytes as they are.",
    ),
    "unsupported-coding": Advice(
        "The body has a Content-Encoding, such as gzip.",
        "Send the body without one: images are compressed already.",
    ),
    "undecodable-image": Advice(
        "The file is of an accepted kind by its beginning, but damaged or no image.",
        "Check that the file opens elsewhere and that its bytes are sent unchanged; take or export "
        "the image again.",
    ),
    "truncated-image": Advice(
        "The image file ends before its end: an upload or a copy was cut off.",
        "Send the whole file.",
    ),
    "image-too-small": Advice(
        "The image has too few pixels a side for a lesion to be seen.",
        "Send the original instead of a thumbnail.",
    ),
    "too-many-pixels": Advice(
        "The image has more pixels than are decoded.",
        "Scale it down: the model sees a few hundred pixels a side.",
    ),
    "too-costly-image": Advice(
        "Decoding the image takes more memory or processor time than an image may.",
        "Save it as a baseline JPEG, or scale it down.",
    ),
    "other-request": Advice(
        "The Idempotency-Key was sent before with another request (another image, parameter or "
        "Accept).",
        "Make a new key, such as a UUID, for each new request.",
    ),
    "beyond-limit": Advice(
        "The request counts as more images (images × views) than your limit ever holds: waiting "
        "does not help.",
        "Send fewer images or views a request, as the detail says; ask the operator for a higher "
        "limit.",
    ),
    "too-many-requests": Advice(
        "Your limit is used up for now, or too many wrong keys came from your address.",
        "Wait as many seconds as Retry-After says. RateLimit tells beforehand what is left.",
        WAIT,
    ),
    "overloaded": Advice(
        "Too many images are being decoded at the moment.",
        "Send it again after Retry-After, with some randomness, and then more and more seldom.",
        WAIT,
    ),
    "model-unavailable": Advice(
        "The model could not be loaded.",
        "Send it again after Retry-After. If it lasts, tell the operator.",
        WAIT,
    ),
    "internal-error": Advice(
        "Something went wrong in the service; its log has the cause under the request id.",
        "Send it again a few times at growing intervals, then tell the operator the request_id.",
        ONCE,
    ),
}  # fmt: skip
