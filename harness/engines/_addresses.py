"""A server's address: in one form for a run's identity, and without what only the reader's own may know."""

from __future__ import annotations

import hashlib
import re
import urllib.parse

from harness.errors import InputError


def plain_url(base_url: str) -> str:
    """A server's address in one form: two models on one host are two addresses, by port or by path.

    Without user, password and query, so that it may be shown and written. Raises InputError for what is not an address.
    """
    try:
        parts = urllib.parse.urlsplit(base_url)
        given = parts.port
    except ValueError as error:
        shown = re.sub(r"//[^/]*@", "//", base_url)  # without a password
        raise InputError(f"--base-url {shown} is not an address ({error}); one is http://127.0.0.1:8000/v1") from error
    port = given or {"http": 80, "https": 443}.get(parts.scheme.lower(), 0)
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}"


def query_digest(base_url: str) -> str | None:
    """A digest of an address's query, in which a gateway may name the model and a key may be; None where it has none.

    The order of its fields does not matter.
    """
    fields = sorted(query_fields(base_url).items())
    return hashlib.sha256(repr(fields).encode()).hexdigest()[:16] if fields else None


def query_fields(base_url: str) -> dict[str, str]:
    """The query of an address, name -> value."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(base_url).query, keep_blank_values=True))


def without_query(base_url: str) -> str:
    """The address with user and password, as a client takes it, without its query."""
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(base_url)._replace(query="", fragment=""))
