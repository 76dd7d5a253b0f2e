"""Headers that tell a browser what an answer may do: an API answer nothing, a page only what comes from here."""

from __future__ import annotations

from http import HTTPStatus

RawHeaders = list[tuple[bytes, bytes]]

_ALWAYS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
ANSWER: RawHeaders = [*_ALWAYS, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")]
"""For everything that is no page."""
PAGE: RawHeaders = [
    *_ALWAYS,
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
"""For HTML: scripts, styles and pictures of this service only, none of them inline."""


def headers_for(status: int, content_type: bytes) -> RawHeaders:
    """What goes with an answer of this Content-Type.

    304 has none, and its headers replace those that a browser kept with the page (RFC 9111, 3.2): it brings no policy.
    """
    if status == HTTPStatus.NOT_MODIFIED:
        return _ALWAYS
    return PAGE if content_type.startswith(b"text/html") else ANSWER
