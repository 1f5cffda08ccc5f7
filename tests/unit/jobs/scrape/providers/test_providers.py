"""Each provider: what it asks, what it keeps of an answer, and how it tells errors apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from common.errors import BadInput, BadParameters, Retryable
from jobs.scrape.origin import Origin
from jobs.scrape.providers import PROVIDERS
from jobs.scrape.providers.base import MAX_ANSWER_BYTES, Api, Exhausted, Rejected
from jobs.scrape.providers.brave import Brave
from jobs.scrape.providers.openverse import Openverse
from jobs.scrape.providers.wikimedia import Wikimedia
from tests.support import providers
from tests.support.providers import KEY, TOKEN, Answer, document

PICTURE = "https://a.example/1.jpg"
SITE = {"DARKROOM_CONTACT": "ana@example.org", "DARKROOM_BRAVE_KEY": KEY}
APIS = {name: provider.open(SITE, "any") for name, provider in PROVIDERS.items()}


def answers(name: str, *results: Any) -> Answer:
    if name == "wikimedia":
        return document({"query": {"pages": list(results)}})
    return document({"page_count": 1, "results": list(results)})


RESULTS: Mapping[str, Any] = {
    "openverse": providers.openverse_result,
    "wikimedia": providers.wikimedia_page,
    "brave": providers.brave_result,
}


def read(api: Api, answer: Answer) -> list[Origin]:
    return api.read(api.first("dotted shirt", 50), answer).finds


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_openverse_is_asked_as_it_documents() -> None:
    url = Openverse(licences="commercial").first("camiseta a lunares & más", 50)
    assert url.startswith("https://api.openverse.org/v1/images/?")
    assert asked(url) == {"q": "camiseta a lunares & más", "page_size": "20", "page": "1", "license_type": "commercial"}
    assert asked(Openverse(token=TOKEN).first("x", 50))["page_size"] == "50"
    assert asked(Openverse(token=TOKEN).first("x", 10_000))["page_size"] == "500"
    assert Openverse(token=TOKEN).headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Authorization" not in Openverse().headers


def test_openverse_goes_no_further_than_its_last_page() -> None:
    api = Openverse(licences="modification")
    full = document({"page_count": 20, "results": [providers.openverse_result(PICTURE)]})
    url, pages = api.first("x", 500), 1
    while url := api.read(url, full).following:
        pages += 1
        assert asked(url) == {"q": "x", "page_size": "20", "page": str(pages), "license_type": "modification"}
    assert pages == 20
    second = api.read(api.first("x", 500), full).following
    assert not api.read(second, document({"detail": "Invalid page."}, 400)).finds
    with pytest.raises(BadInput, match="Invalid page"):
        api.read(api.first("x", 500), document({"detail": "Invalid page."}, 400))


def test_what_openverse_knows_of_a_picture_is_kept() -> None:
    assert read(Openverse(), answers("openverse", providers.openverse_result(PICTURE, 7))) == [
        Origin(
            url=PICTURE,
            landing="https://stocksnap.io/photo/7",
            title="Tree Bark 7",
            creator="Tim Sullivan",
            licence="by-sa 4.0",
            licence_url="https://creativecommons.org/licenses/by-sa/4.0/",
            attribution='"Tree Bark 7" by Tim Sullivan is licensed under CC BY-SA 4.0.',
            provider="stocksnap",
        )
    ]


@pytest.mark.parametrize(
    ("licences", "licence", "kept"),
    [("any", "by-nc-nd", True), ("commercial", "by-nc", False), ("commercial", "by-nd", True), ("modification", "by-nc-nd", False)],
)
def test_a_licence_that_is_not_wished_for_is_passed_over_though_it_was_given(licences: str, licence: str, kept: bool) -> None:
    page = Openverse(licences=licences).read(
        Openverse().first("x", 1), answers("openverse", providers.openverse_result(PICTURE, license=licence))
    )
    assert (len(page.finds), page.passed_over) == ((1, 0) if kept else (0, 1))


def test_wikimedia_is_asked_as_it_documents() -> None:
    url = Wikimedia().first('dotted "shirt": intitle:/x/', 50)
    query = asked(url)
    assert query["gsrsearch"] == "dotted shirt intitle x filetype:bitmap"
    assert (query["generator"], query["gsrnamespace"], query["gsrlimit"], query["maxlag"]) == ("search", "6", "50", "5")
    assert (query["iiurlwidth"], query["formatversion"]) == ("960", "2")


def test_a_phrase_without_a_word_is_not_asked_of_wikimedia() -> None:
    with pytest.raises(BadInput, match="no word"):
        Wikimedia().first('":/', 50)


def test_wikimedia_goes_on_where_it_was_told_to_and_takes_each_file_once() -> None:
    api = Wikimedia()
    told, untold = providers.wikimedia_page(PICTURE), providers.wikimedia_page("https://a.example/2.jpg", 1)
    del untold["imageinfo"]
    page = api.read(
        api.first("shirt", 50),
        document({"continue": {"iistart": "2020|x", "continue": "||", "action": "delete"}, "query": {"pages": [untold, told]}}),
    )
    assert ([origin.url for origin in page.finds], page.passed_over) == ([PICTURE], 0)
    query = asked(page.following)
    assert (query["iistart"], query["continue"], query["action"], query["gsrsearch"]) == ("2020|x", "||", "query", "shirt filetype:bitmap")


def test_what_wikimedia_knows_of_a_picture_is_kept_as_text() -> None:
    assert read(Wikimedia(), answers("wikimedia", providers.wikimedia_page(PICTURE, 7))) == [
        Origin(
            url=PICTURE,
            landing="https://commons.wikimedia.org/wiki/File:Shirt_7.jpg",
            title="Shirt 7",
            creator="Ana & Luis",
            licence="by-sa 4.0",
            licence_url="https://creativecommons.org/licenses/by-sa/4.0",
            attribution='"Shirt 7" by Ana & Luis, via Wikimedia Commons, CC BY-SA 4.0',
            provider="wikimedia",
        )
    ]


def test_wikimedia_s_results_come_in_the_order_of_their_search() -> None:
    pages = [providers.wikimedia_page(f"https://a.example/{number}.jpg", number) for number in (2, 0, 1)]
    assert [origin.url[-5] for origin in read(Wikimedia(), answers("wikimedia", *pages))] == ["0", "1", "2"]


@pytest.mark.parametrize("code", ["maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryError"])
def test_wikimedia_s_errors_that_heal_come_with_http_200(code: str) -> None:
    error = document({"error": {"code": code, "info": "Waiting for 10.0.0.1: 6 seconds lagged", "lag": 6}}, retry_after="5")
    with pytest.raises(Retryable, match="busy") as caught:
        read(Wikimedia(), error)
    assert caught.value.retry_after_s == 5


def test_wikimedia_s_errors_that_do_not_heal() -> None:
    with pytest.raises(BadInput, match=r"refused \(badvalue\): Unrecognized value"):
        read(Wikimedia(), document({"error": {"code": "badvalue", "info": "Unrecognized value"}}))
    with pytest.raises(Rejected, match="check DARKROOM_CONTACT"):
        read(Wikimedia(), Answer(403, b"<html>Please set a user-agent"))


def test_wikimedia_wants_to_know_whom_to_write_to() -> None:
    with pytest.raises(BadParameters, match="DARKROOM_CONTACT"):
        PROVIDERS["wikimedia"].open({"DARKROOM_CONTACT": " "}, "any")


def test_brave_is_asked_as_it_documents() -> None:
    api = Brave(KEY)
    assert asked(api.first("x", 50)) == {"q": "x", "count": "100", "safesearch": "strict", "spellcheck": "false"}
    assert asked(api.first("x", 5000))["count"] == "200"
    assert api.headers["X-Subscription-Token"] == KEY


def test_brave_s_picture_is_not_its_page_nor_its_thumbnail() -> None:
    assert read(Brave(KEY), answers("brave", providers.brave_result(PICTURE, 7))) == [
        Origin(url=PICTURE, landing="https://shop.example/shirts/7", title="Striped shirt 7", provider="brave")
    ]
    assert "tells no licences" in Brave(KEY).notes[0]


def test_brave_wants_a_key_and_says_where_to_put_it() -> None:
    with pytest.raises(BadParameters, match=r"put it into DARKROOM_BRAVE_KEY .* or use source = openverse"):
        PROVIDERS["brave"].open({}, "any")


@pytest.mark.parametrize(
    "answer",
    [
        providers.brave_error("SUBSCRIPTION_TOKEN_INVALID", 422),
        providers.brave_error("SUBSCRIPTION_NOT_FOUND", 404),
        providers.brave_error("OPTION_NOT_IN_PLAN", 403),
        Answer(401, f"who is {KEY}?".encode()),
        document({"error": {"code": "VALIDATION", "meta": {"errors": [{"loc": ["header", "x-subscription-token"]}]}}}, 422),
    ],
)
def test_a_key_that_brave_does_not_take_ends_the_search_and_is_not_shown(answer: Answer) -> None:
    with pytest.raises(Rejected, match="does not take the key in DARKROOM_BRAVE_KEY") as caught:
        read(Brave(KEY), answer)
    assert KEY not in str(caught.value)


def test_brave_tells_a_quota_from_a_rate() -> None:
    with pytest.raises(Exhausted) as spent:
        read(Brave(KEY), providers.brave_error("QUOTA_LIMITED", 429, x_ratelimit_reset="1, 1419704", x_ratelimit_remaining="1, 0"))
    assert spent.value.after_s == 1_419_704
    with pytest.raises(Retryable):
        read(Brave(KEY), providers.brave_error("RATE_LIMITED", 429, x_ratelimit_reset="1, 1419704"))
    with pytest.raises(Exhausted) as spent:
        read(Brave(KEY), providers.brave_error("QUOTA_LIMITED", 429))
    assert spent.value.after_s is None


def test_a_request_that_brave_refuses_for_another_reason_costs_its_phrase() -> None:
    with pytest.raises(BadInput, match="HTTP 422: Refused: …") as caught:
        read(Brave(KEY), document({"detail": f"Refused: {KEY}", "error": {"code": "VALIDATION"}}, 422))
    assert not isinstance(caught.value, Rejected)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_openverse_does_not_take_ends_the_search_and_is_not_shown(status: int) -> None:
    answer = document({"detail": f"Token {TOKEN} has expired"}, status)
    with pytest.raises(Rejected, match=r"Token … has expired. Tokens expire: put a new one into DARKROOM_OPENVERSE_TOKEN") as caught:
        read(Openverse(token=TOKEN), answer)
    assert TOKEN not in str(caught.value)
    with pytest.raises(Rejected, match="Ask with a token"):
        read(Openverse(), document({"detail": "Page size must be between 1 and 20."}, status))


@pytest.mark.parametrize(("name", "setting"), [("brave", "DARKROOM_BRAVE_KEY"), ("openverse", "DARKROOM_OPENVERSE_TOKEN")])
def test_a_secret_is_not_shown_by_what_holds_it(name: str, setting: str) -> None:
    api = PROVIDERS[name].open({setting: f" {KEY}\n"}, "any")
    assert KEY in str(api.headers)
    assert KEY not in repr(api)
    with pytest.raises(BadParameters, match=setting) as caught:
        PROVIDERS[name].open({setting: f"{KEY}\r\nX-Other: 1"}, "any")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_can_be_asked_at_a_mirror(name: str) -> None:
    setting = f"DARKROOM_{name.upper()}_URL"
    api = PROVIDERS[name].open({**SITE, setting: "http://mirror.example:8080/some/where"}, "any")
    assert api.first("x", 5).startswith("http://mirror.example:8080/some/where?")
    for wrong in ("mirror.example", "file:///etc/passwd", "http://m.example/?q=1", "http://user:word@m.example/"):
        with pytest.raises(BadParameters, match=setting):
            PROVIDERS[name].open({**SITE, setting: wrong}, "any")


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[1]", b'"text"', b"{", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"results": ' * 50_000, b'{"query":1e999}x'],
)
def test_an_answer_that_is_no_document_may_be_better_next_time(name: str, data: bytes) -> None:
    with pytest.raises(Retryable, match="something else than its documents"):
        read(APIS[name], Answer(200, data))


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_answer_of_64_mib_is_refused_unread(name: str) -> None:
    with pytest.raises(BadInput, match=str(MAX_ANSWER_BYTES)):
        read(APIS[name], Answer(200, b'{"results": "' + b"x" * 64 * 1024 * 1024 + b'"}'))


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "content", [{}, {"results": {}}, {"results": 7, "query": []}, {"query": {"pages": None}}, {"results": [None, 1, [], "x"]}]
)
def test_an_answer_without_results_has_none(name: str, content: Any) -> None:
    page = APIS[name].read(APIS[name].first("x", 5), document(content))
    assert (page.finds, page.following, page.passed_over) == ([], "", 0)


HOSTILE: tuple[Any, ...] = (None, 7, -1, 1e308, True, [], {}, [[]], "", "javascript:alert(1)", "x" * 1_000_000, "<" * 20_000, "\ud800")


def _spoiled(value: Any, by: Any) -> list[Any]:
    """Return a document with each of its fields in turn, at any depth, as something else."""
    found = [by]
    if isinstance(value, dict):
        found += [{**value, name: bad} for name, inner in value.items() for bad in _spoiled(inner, by)]
    if isinstance(value, list):
        found += [[bad, *value[1:]] for bad in _spoiled(value[0], by)] if value else []
    return found


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("by", HOSTILE, ids=lambda by: repr(by)[:20])
def test_a_field_that_is_not_what_it_should_be_costs_no_other_result(name: str, by: Any) -> None:
    good = RESULTS[name]("https://a.example/good.jpg", 1)
    for bad in _spoiled(RESULTS[name](PICTURE), by):
        data = json.dumps({"results": [bad, good], "query": {"pages": [bad, good]}, "page_count": by, "continue": by}).encode()
        finds = read(APIS[name], Answer(200, data))
        assert "https://a.example/good.jpg" in [origin.url for origin in finds]
        for origin in finds:
            assert origin.url.startswith(("http://", "https://"))
            assert all(not link or link.startswith("http") for link in (origin.landing, origin.licence_url))
            assert all("<a" not in text and len(text.encode()) <= 1000 for text in (origin.title, origin.creator, origin.licence))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("openverse", {"width": 63, "height": 900}),
        ("openverse", {"width": 10_000, "height": 6000}),
        ("openverse", {"filetype": "svg"}),
        ("openverse", {"filesize": 30_000_000}),
        ("wikimedia", {"mime": "image/svg+xml"}),
        ("wikimedia", {"mime": "application/pdf"}),
        ("wikimedia", {"thumbwidth": 960, "thumbheight": 20}),
        ("brave", {"properties": {"url": PICTURE, "width": 16, "height": 16}}),
    ],
)
def test_what_a_provider_says_is_no_picture_for_us_is_passed_over(name: str, other: dict[str, Any]) -> None:
    page = APIS[name].read(APIS[name].first("x", 5), answers(name, RESULTS[name](PICTURE, **other)))
    assert (page.finds, page.passed_over) == ([], 1)


@pytest.mark.parametrize(
    ("name", "other"),
    [("openverse", {"width": None, "height": None, "filetype": None, "filesize": None}), ("brave", {"properties": {"url": PICTURE}})],
)
def test_what_a_provider_does_not_say_is_no_reason(name: str, other: dict[str, Any]) -> None:
    assert len(read(APIS[name], answers(name, RESULTS[name](PICTURE, **other)))) == 1
