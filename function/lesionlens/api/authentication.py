"""Who sends a request: a partner with a key, or somebody of the public at some address."""

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import flask

from ..errors import MalformedRequest, Unauthorized
from .idempotency import Owner
from .keys import Keyring
from .rate import Rate

if TYPE_CHECKING:
    from ..settings import Settings

KEY_HEADER = "X-API-Key"
ACCEPTED = f"Authorization: Bearer KEY, or {KEY_HEADER}: KEY"


@dataclass(frozen=True)
class Caller:
    """Whom limits and kept answers belong to."""

    name: str  # unique, for the stores; never logged, since it may hold an address
    partner: str | None
    rate: Rate | None
    batch: int  # images in one request, at most
    test: bool = False  # whether results are marked as test data

    @property
    def owner(self) -> Owner:
        return Owner(self.name, self.partner is not None)


def public(address: str, settings: "Settings") -> Caller:
    return Caller(f"public:{address}", None, settings.rate_limit, settings.batch_images)


def partner(key: str, keyring: Keyring) -> Caller:
    """Raises Unauthorized for a key that is not configured or has expired."""
    found = keyring.find(key)
    if found is None:
        raise Unauthorized(
            f"The key is not known here, or it has expired; accepted is a valid key ({ACCEPTED}), "
            "or none for the public tier."
        )
    return Caller(f"key:{found.id}", found.partner, found.rate, found.batch, found.test)


def key_of(request: flask.Request) -> str | None:
    """Return the key in a request, if there is one.

    Whoever sends credentials of any kind means to be known by them: those that are no key are a
    wrong key, not none. Raises MalformedRequest for two keys, Unauthorized for another scheme.
    """
    bearer = request.headers.get("Authorization")
    plain = request.headers.get(KEY_HEADER)
    if bearer is None:
        return plain
    match = re.fullmatch(r"bearer +(\S+)", bearer, re.IGNORECASE)
    if match is None:
        raise Unauthorized(f"Authorization is of another form; accepted is {ACCEPTED}.")
    if plain is not None and plain != match[1]:
        raise MalformedRequest(
            f"Authorization and {KEY_HEADER} hold different keys; one of them is needed."
        )
    return match[1]


def address_of(request: flask.Request, trusted_hops: int) -> str:
    """Return the address that limits are counted for.

    Each proxy appends to X-Forwarded-For whom it was called by: the last ``trusted_hops`` entries
    are those of our own, and what stands before them is whatever the client wrote there. An IPv6
    client owns a network of 64 bits, and is one client by whichever address of it.
    Some proxies write the port too, which is another one each time: it is left out.
    """
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    forwarded = trusted_hops > 0 and len(hops) >= trusted_hops
    text = hops[-trusted_hops].strip() if forwarded else request.remote_addr or ""
    try:
        address = ipaddress.ip_address(_without_port(text))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _without_port(text: str) -> str:
    """203.0.113.7:1234 and [2001:db8::1]:443 without port and brackets; all else as it is."""
    match = re.fullmatch(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?", text)
    return match[1] or match[2] if match else text
