"""The security headers of every answer, such as Content-Security-Policy.

They are listed in security_headers.txt, which the load balancer (infra/ensure_origin.sh) uses, too.
"""

from pathlib import Path

import flask

# By name. The file has "Name: value" lines.
SECURITY_HEADERS = dict(
    line.split(": ", 1)
    for line in (Path(__file__).parent / "security_headers.txt").read_text().splitlines()
)


def add(response: flask.Response) -> flask.Response:
    """Add the security headers that a response does not have yet, and return it."""
    present = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - no mapping
    response.headers.extend(
        (name, value) for name, value in SECURITY_HEADERS.items() if name.lower() not in present
    )
    return response
