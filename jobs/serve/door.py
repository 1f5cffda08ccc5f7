"""The outermost layer: who may come in, whether there is room, and what became of each request.

It looks at headers only, so that a refusal costs next to nothing when there are many.
"""

from __future__ import annotations

import time
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.serve.refusals import Refusal
from jobs.serve.service import Service

# Whoever watches the service has no key, and the page asks its reader for one.
OPEN = ("/v2/health/live", "/v2/health/ready", "/", "/page.js", "/openapi.json")
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"  # noqa: E501
_SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Door:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._keys = [sha256(key.encode()).digest() for key in service.settings.keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(raw=message["headers"]))
                route = getattr(scope.get("route"), "path", "other")  # the router leaves it here
                self._service.metrics.replies.labels(route, str(message["status"])).inc()
                if scope["method"] == "POST":
                    self._service.metrics.step["whole"].observe(time.perf_counter() - began)
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send_and_count)
        else:
            await self._app(scope, receive, send_and_count)

    def _check(self, scope: Scope) -> None:
        """Raise Refusal where a request may not come in."""
        if self._keys and scope["path"] not in OPEN and not self._knows(Headers(scope=scope)):
            raise Refusal(401, "This service asks for a key: send it as `Authorization: Bearer KEY`, or as `X-API-Key`.")
        if scope["method"] == "POST" and self._service.room.is_full:
            raise self._service.room.refusal()

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = headers.get("x-api-key", "")
        digest = sha256(given.strip().encode()).digest()
        # All are compared, in the same time whatever is given.
        return sum(compare_digest(digest, key) for key in self._keys) > 0

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in _SAFE.items():
            headers.setdefault(name, value)
        if self._service.draining:
            headers["Connection"] = "close"
