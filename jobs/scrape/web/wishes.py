"""What owners say in headers about the use of their pictures, and whether that refuses us.

X-Robots-Tag as crawlers and img2dataset read it, `Content-Usage` of the IETF's AI preferences
(draft-ietf-aipref-attach and -vocab), and TDMRep's reservation. The most restrictive wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from multidict import CIMultiDictProxy

from jobs.scrape.web.permits import PRODUCT

REFUSING = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
# Categories that a training set of pictures falls under; the wider ones are of earlier drafts.
TRAINING = "train-ai"
WIDER = ("ai", "tdm", "bots", "all")

_AGENT = re.compile(r"[A-Za-z0-9_-]+|\*")
# Directives whose own value follows a colon: what stands before it is no crawler's name.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def refusal(headers: CIMultiDictProxy[str]) -> str:
    """Return why an answer's headers refuse us, or ""."""
    for line in headers.getall("X-Robots-Tag", ()):
        if said := _refusing_directive(line):
            return f"refused by X-Robots-Tag: {said}"
    if forbids_training(headers.getall("Content-Usage", ())):
        return "refused by Content-Usage: train-ai=n"
    if headers.get("TDM-Reservation", "").strip() == "1":
        return "refused by TDM-Reservation"
    return ""


def forbids_training(statements: Iterable[str]) -> bool:
    """Tell whether any `Content-Usage` statement says no to training; one about training outweighs wider ones beside it."""
    return any(_forbids(statement) for statement in statements)


def _forbids(statement: str) -> bool:
    said = {}
    for member in statement.split(","):
        key, _, value = member.partition("=")
        said[key.strip().lower()] = value.partition(";")[0].strip().lower()
    if said.get(TRAINING) in ("y", "n"):
        return said[TRAINING] == "n"
    return any(said.get(category) == "n" for category in WIDER)


def _refusing_directive(line: str) -> str:
    """Return the directive of a line that refuses us; `name: directive` speaks to that crawler only, up to the next name."""
    to_us = True
    for part in line.split(","):
        word, colon, rest = part.partition(":")
        word = word.strip().lower()
        if colon and word not in _VALUED and _AGENT.fullmatch(word):
            to_us = word in (PRODUCT, "*")
            word = rest.strip().lower()
        if to_us and word in REFUSING:
            return word
    return ""
