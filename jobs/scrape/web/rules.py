"""What one robots.txt says to us: RFC 9309, and the `Content-Usage` rules of draft-ietf-aipref-attach.

Read by our own few lines: only the group that speaks to us is kept, so that hostile files cost no
more than their length, and `Content-Usage` belongs to the same groups (docs/decisions/0021).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from jobs.scrape.web.permits import PRODUCT
from jobs.scrape.web.wishes import forbids_training

MAX_BYTES = 500 * 1024
MOST_RULES = 5_000

_TOKEN = re.compile(r"[a-z_-]+")
_RESERVED = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")


@dataclass(frozen=True)
class _Rule:
    """A path pattern and what it says; `said` is "allow", "disallow" or a statement of usage."""

    pattern: str
    pieces: tuple[str, ...]
    anchored: bool
    said: str

    def matches(self, path: str) -> bool:
        """Tell whether the pattern matches from the start of the path; the time is pieces times length at most."""
        if not path.startswith(self.pieces[0]):
            return False
        at = len(self.pieces[0])
        if len(self.pieces) == 1:
            return at == len(path) or not self.anchored
        last = len(self.pieces) - 1
        for piece in self.pieces[1 : last if self.anchored else last + 1]:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return not self.anchored or (path.endswith(self.pieces[last]) and len(path) - len(self.pieces[last]) >= at)


@dataclass(frozen=True)
class Rules:
    """The rules of one origin that speak to us."""

    access: tuple[_Rule, ...] = ()
    usage: tuple[_Rule, ...] = ()

    def refusal(self, path: str) -> str:
        """Return why a path (with its query) is refused, or ""."""
        if not (self.access or self.usage):
            return ""
        path = _normal(path)
        if set(_best(self.access, path)) == {"disallow"}:
            return "refused by robots.txt"
        if forbids_training(_best(self.usage, path)):
            return "refused by Content-Usage in robots.txt: train-ai=n"
        return ""


NO_RULES = Rules()


def read(data: bytes) -> Rules:
    """Return what a robots.txt says to us; of one that is too long, what its first 500 KiB say."""
    ours: list[tuple[str, str]] = []
    everyones: list[tuple[str, str]] = []
    named = False
    speaks_to: set[str] = set()
    in_rules = True
    for key, value in _lines(data):
        if key == "user-agent":
            if in_rules:
                speaks_to, in_rules = set(), False
            speaks_to.add(_product(value))
            named = named or PRODUCT in speaks_to
        elif key in ("allow", "disallow", "content-usage"):
            in_rules = True
            for who, said in ((PRODUCT, ours), ("*", everyones)):
                if who in speaks_to and len(said) <= MOST_RULES:
                    said.append((key, value))
    said = ours if named else everyones
    if len(said) > MOST_RULES:  # none of a list that we do not read to its end
        return Rules((_rule("/", "disallow"),))
    access = [_rule(path, key) for key, path in said if key != "content-usage" and path]
    usage = [_usage(value) for key, value in said if key == "content-usage" and value]
    return Rules(_longest_first(access), _longest_first(usage))


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _product(value: str) -> str:
    """Return the product token of a User-agent line: `*`, or the letters that it begins with."""
    if value.startswith("*"):
        return "*"
    token = _TOKEN.match(value.lower())
    return token[0] if token else ""


def _usage(value: str) -> _Rule:
    """Read `[path] statement`; without a path it is about everything."""
    if not value.startswith(("/", "*")):
        return _rule("/", value)
    path, *statement = value.split(None, 1)
    return _rule(path, "".join(statement))


def _rule(path: str, said: str) -> _Rule:
    anchored = path.endswith("$")
    pattern = _normal(path.removesuffix("$"))
    return _Rule(pattern, tuple(pattern.split("*")), anchored, said)


def _longest_first(rules: list[_Rule]) -> tuple[_Rule, ...]:
    return tuple(sorted(rules, key=lambda rule: -len(rule.pattern)))


def _best(rules: tuple[_Rule, ...], path: str) -> list[str]:
    """Return what the longest rule that matches says, and all others as long as it."""
    said: list[str] = []
    length = 0
    for rule in rules:
        if said and len(rule.pattern) < length:
            break
        if rule.matches(path):
            said.append(rule.said)
            length = len(rule.pattern)
    return said


@lru_cache(maxsize=4096)
def _normal(path: str) -> str:
    """Return a path or pattern in the one form that RFC 9309 compares: percent-encoded, unreserved letters plain."""
    if path.isascii() and "%" not in path and not _RESERVED.search(path.encode()):
        return path
    kept = re.sub(r"%(2[Aa]|24|2[Ff]|3[Ff]|25|23)", lambda match: "\0" + match[1].upper(), path)
    plain = unquote_to_bytes(kept)
    return _RESERVED.sub(lambda match: f"%{match[0][0]:02X}".encode(), plain.replace(b"\0", b"%")).decode("ascii")
