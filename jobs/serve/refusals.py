"""What a client is told that gets no answer: a status, and the reason in words."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


class Told(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: str


class Refusal(Exception):
    """A request is not answered; `status` is HTTP's, `after_s` when to come again."""

    def __init__(self, status: int, reason: str, after_s: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.after_s = after_s

    def response(self) -> Response:
        headers = {"Retry-After": str(self.after_s)} if self.after_s else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return said(Told(self.reason), self.status, headers)


def said(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a reply of JSON."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")
