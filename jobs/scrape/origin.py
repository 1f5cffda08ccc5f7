"""What is known of a picture on the web beside its bytes; in a room of its own, for sources and providers both need it."""

from __future__ import annotations

from common.records import Value


class Origin(Value, frozen=True, kw_only=True):
    """What is known of a picture on the web: the `recipe` of its item. `sha256` is what its bytes must be, where that is known.

    `licence` is short for `licence_url`, `landing` the page that shows the picture, `attribution` a sentence that gives credit.
    """

    url: str
    landing: str = ""
    title: str = ""
    creator: str = ""
    licence: str = ""
    licence_url: str = ""
    attribution: str = ""
    provider: str = ""
    sha256: str = ""
