"""What is known of a picture on the web beside its bytes: where it stands, who made it, what may be done with it."""

from __future__ import annotations

from common.records import Value


class Origin(Value, frozen=True, kw_only=True):
    """Everything but the URL may be unknown. `sha256` is what the picture's bytes must be, where that is known."""

    url: str
    landing: str = ""
    title: str = ""
    creator: str = ""
    licence: str = ""
    licence_url: str = ""
    attribution: str = ""
    provider: str = ""
    sha256: str = ""
