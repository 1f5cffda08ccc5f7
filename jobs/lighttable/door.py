"""The door: who may come in, and what a page of ours may do once it is in a browser.

Nothing is served without the token: it comes in the address that the command prints, becomes a cookie, and leaves the
address bar. A request that changes something must come from a page of ours (Origin), whatever cookies it carries.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 32 * 1024 * 1024
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
ASK = "This light table needs its access token: open the address that `darkroom lighttable` printed.\n"


class Door:
    """Lets in who has the token (everybody, where there is none), and sets the headers that keep pages harmless."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that is not handed on."""
        if self._token and not self._knows(request):
            given = request.query_params.get("token", "")
            if request.method == "GET" and _equal(given, self._token):
                return self._welcome(request)
            return PlainTextResponse(ASK, 401)
        if request.method in ("GET", "HEAD"):
            return self._welcome(request) if self._token and "token" in request.query_params else None
        if not _is_ours(request):
            return PlainTextResponse("Only this light table's own pages may change something here.\n", 403)
        if not request.headers.get("content-length", "").isdecimal():
            return PlainTextResponse("Say how long the body is (Content-Length).\n", 411)
        if int(request.headers["content-length"]) > MOST_BODY_BYTES:
            return PlainTextResponse(f"At most {MOST_BODY_BYTES} bytes are read.\n", 413)
        return None

    def _knows(self, request: Request) -> bool:
        return _equal(request.cookies.get(_cookie_name(request), ""), self._pass)

    def _welcome(self, request: Request) -> Response:
        """Send on to the same page without the token in its address."""
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(_cookie_name(request), self._pass, httponly=True, samesite="lax", secure=secure)
        return answer

    @property
    def _pass(self) -> str:
        return sha256(f"darkroom light table {self._token}".encode()).hexdigest()


def _cookie_name(request: Request) -> str:
    """Cookies do not tell ports apart, and two light tables may run on one machine."""
    return f"darkroom-{request.url.port or 0}"


def _is_ours(request: Request) -> bool:
    """Does the request come from a page of this very host and port?"""
    origin = request.headers.get("origin", "")
    return origin in {f"http://{request.headers.get('host')}", f"https://{request.headers.get('host')}"}


def _equal(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much was right."""
    return hmac.compare_digest(given.encode(), wanted.encode())
