"""Who sends a request: a partner, by API key, or a member of the public, by network address."""

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import flask

from ..errors import MalformedRequest, Unauthorized
from .idempotency import Owner
from .keyring import Keyring
from .rate import Rate

if TYPE_CHECKING:
    from ..settings import Settings

KEY_HEADER = "X-API-Key"
ACCEPTED = f"Authorization: Bearer KEY, or {KEY_HEADER}: KEY"


@dataclass(frozen=True)
class Caller:
    """The sender of a request, to whom limits and stored answers belong."""

    name: str  # unique, for the stores; never logged, since it may contain a network address
    partner: str | None  # the partner's name; None for the public
    rate: Rate | None  # None for no limit
    batch: int  # images in one request, at most
    test: bool = False  # whether results are marked as test data

    @property
    def owner(self) -> Owner:
        """The owner of this caller's Idempotency-Keys."""
        return Owner(self.name, self.partner is not None)


def public(address: str, settings: "Settings") -> Caller:
    """Return the caller of a request without a key; ``address`` is that of `address_of`."""
    return Caller(f"public:{address}", None, settings.rate_limit, settings.batch_images)


def partner(key: str, keyring: Keyring) -> Caller:
    """Return the caller that presents ``key``.

    Raises Unauthorized for a key that is not configured or has expired.
    """
    found = keyring.find(key)
    if found is None:
        raise Unauthorized(
            f"The key is not known here, or it has expired; accepted is a valid key ({ACCEPTED}), "
            "or none for the public tier."
        )
    return Caller(f"key:{found.id}", found.partner, found.rate, found.batch, found.test)


def key_of(request: flask.Request) -> str | None:
    """Return the key that a request presents, or None if it has no credentials.

    Credentials that cannot be a key are refused: a client that sends any does not expect to be
    treated as the public. Raises MalformedRequest for two different keys, Unauthorized for another
    scheme.
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
    """Return the network address that limits are counted for, or "unknown".

    Each proxy appends the address of its caller to X-Forwarded-For: the last ``trusted_hops``
    entries are written by our own proxies, and those before them by the client. An IPv6 client
    usually owns a whole /64 network, so that network counts as one address. The port, which some
    proxies write too, changes with each connection and is left out.
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
    """Strip port and brackets from 203.0.113.7:1234 and [2001:db8::1]:443; keep other text."""
    match = re.fullmatch(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?", text)
    return match[1] or match[2] if match else text
