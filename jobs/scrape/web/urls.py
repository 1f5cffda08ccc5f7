"""Which URLs may be fetched at all, judged before anything is looked up.

Parsers disagree on odd URLs, and every disagreement is a way around a check. So one narrow form
is let through, on which all agree; what is not of that form is refused, never repaired. yarl, whose
object is also what the client dials, builds the URL from the parts that were judged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set as AbstractSet
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna
from yarl import URL

from jobs.scrape.web.failures import Failed

LONGEST = 8000
DEFAULT_PORTS = {"http": 80, "https": 443}

_DIRTY = re.compile(r"[\x00-\x20\x7f\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]%]+)(?::([0-9]{1,5}))?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def parse(text: str, ports: AbstractSet[int]) -> URL:
    """Return the URL without its fragment, its host in ASCII and lower case. Raises Failed where it may not be fetched."""
    if len(text) > LONGEST:
        raise _refused("it is too long")
    if _DIRTY.search(text) or not (text.isascii() or _is_clean(text)):
        raise _refused("it holds a space, a control character or a backslash")
    parts = _PARTS.match(text)
    if not parts or parts[1].lower() not in DEFAULT_PORTS:
        raise _refused("it does not begin with http:// or https://")
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    if "@" in authority:
        raise _refused("it names a user")
    place = _AUTHORITY.fullmatch(authority)
    if not place:
        raise _refused("its host is not plain")
    host = _host(place[1])
    port = int(place[2]) if place[2] else DEFAULT_PORTS[scheme]
    if port not in ports:
        raise _refused(f"port {port} is not allowed")
    where = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    if not rest.startswith("/"):
        rest = "/" + rest
    # What is ASCII goes out as it was written: signatures cover the exact bytes.
    try:
        url = URL(f"{scheme}://{where}{rest}", encoded=rest.isascii())
    except ValueError as error:
        raise _refused("it cannot be read") from error
    if (url.raw_host, url.port) != (host.strip("[]"), port):
        raise _refused("its host is not plain")
    return url


def join(base: URL, location: str, ports: AbstractSet[int]) -> URL:
    """Return where a redirect leads, judged like any other URL. Raises Failed."""
    if _DIRTY.search(location) or not (location.isascii() or _is_clean(location)):
        raise Failed("it redirects to a URL with a space, a control character or a backslash")
    if _SCHEME.match(location):
        return parse(location, ports)
    try:
        target = str(base.join(URL(location, encoded=location.isascii())))
    except ValueError as error:
        raise Failed("it redirects to what is not a URL") from error
    return parse(target, ports)


def literal(url: URL) -> IPv4Address | IPv6Address | None:
    """Return the address that a URL names instead of a host name, if it does."""
    host = url.raw_host or ""
    if ":" in host:
        return IPv6Address(host)
    return IPv4Address(host) if host[-1:].isdigit() and _NUMBER.fullmatch(host.rsplit(".", 1)[-1]) else None


def _host(text: str) -> str:
    """Return a host in its one ASCII form.

    A name in other letters is let through if IDNA 2008 takes it as it is written. Nothing is mapped to
    something else on the way: mapping is how ①②⑦.⓪.⓪.① becomes 127.0.0.1.
    """
    if text.startswith("["):
        try:
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        except AddressValueError as error:
            raise _refused("its address is not valid") from error
    host = text.lower() if text.isascii() else _in_ascii(text)
    if _NUMBER.fullmatch(host.rsplit(".", 1)[-1]):
        try:
            return str(IPv4Address(host))
        except AddressValueError as error:
            raise _refused("its address is not written as four decimal numbers") from error
    if not _NAME.fullmatch(host):
        raise _refused("its host is not plain")
    return host


def _in_ascii(host: str) -> str:
    try:
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in host.split(".")).lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise _refused("its host name is not written as IDNA asks") from error


def _is_clean(text: str) -> bool:
    return all(unicodedata.category(letter)[0] not in "CZ" for letter in text)


def _refused(why: str) -> Failed:
    return Failed(f"not a URL that may be fetched: {why}")
