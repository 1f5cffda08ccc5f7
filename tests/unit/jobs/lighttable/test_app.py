"""The light table's door and its answers, over HTTP."""

from __future__ import annotations

import http.client
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from common import edits, inbox
from common.dataset import Entry
from common.images import image_id
from common.store import Store, open_store
from tests.support import tables
from tests.support.pictures import drawing, encode
from tests.support.tables import TOKEN, Service

ADDRESSES = ("/", "/main.js", "/style.css", "/api/sheet", "/api/state", "/api/opinions", "/small/x", "/large/x", "/nothing")


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Service, list[Entry]]]:
    store = open_store((tmp_path_factory.mktemp("table") / "store").as_uri())
    rows = tables.fill(store, 24)
    with tables.serve(store) as service:
        yield store, service, rows


def ask(
    service: Service, address: str, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, address, data, dict(headers or {}))
    reply = connection.getresponse()
    found = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    connection.close()
    return found


def cookie(service: Service) -> dict[str, str]:
    return {"cookie": ask(service, f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]}


def post(service: Service, address: str, body: object, **headers: str) -> tuple[int, Any]:
    sent = {**cookie(service), "origin": service.url, **headers}
    status, _, data = ask(service, address, "POST", body, sent)
    return status, json.loads(data) if data.startswith(b"{") else data


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("credential", [{}, {"cookie": "darkroom-0=x"}, {"authorization": f"Bearer {TOKEN}x"}])
def test_nothing_is_served_without_the_token(address: str, credential: dict[str, str], laid: tuple[Store, Service, list[Entry]]) -> None:
    status, _, data = ask(laid[1], address, headers=credential)
    assert (status, b"access token" in data) == (401, True)
    assert ask(laid[1], f"{address}?token=wrong")[0] == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address(laid: tuple[Store, Service, list[Entry]]) -> None:
    status, headers, _ = ask(laid[1], f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))
    assert TOKEN not in headers["set-cookie"]
    assert ask(laid[1], "/", headers=cookie(laid[1]))[0] == 200


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "", "http://127.0.0.1:1"])
def test_other_sites_cannot_post(origin: str, laid: tuple[Store, Service, list[Entry]]) -> None:
    store, service, rows = laid
    before = len(edits.read(store, "mine"))
    assert post(service, "/api/edits", {"images": [rows[0].id], "action": "exclude"}, origin=origin)[0] == 403
    assert len(edits.read(store, "mine")) == before


def test_pages_may_run_their_own_scripts_only(laid: tuple[Store, Service, list[Entry]]) -> None:
    headers = ask(laid[1], "/", headers=cookie(laid[1]))[1]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_an_edit_is_in_the_store_when_it_is_answered_and_can_be_undone(laid: tuple[Store, Service, list[Entry]]) -> None:
    store, service, rows = laid
    status, said = post(service, "/api/edits", {"images": [rows[1].id, rows[2].id], "action": "label", "label": "rows", "by": "Ana"})
    assert (status, len(said["written"])) == (200, 2)
    assert edits.fold(edits.read(store, "mine"))[rows[1].id].label == "rows"
    status, undone = post(service, "/api/undo", {"numbers": said["written"], "by": "Ana", "saw": said["head"]})
    assert (status, undone["kept"]) == (200, 0)
    assert rows[1].id not in edits.fold(edits.read(store, "mine"))


def test_an_undo_leaves_a_word_that_came_after(laid: tuple[Store, Service, list[Entry]]) -> None:
    store, service, rows = laid
    first = post(service, "/api/edits", {"images": [rows[3].id], "action": "exclude", "by": "Ana"})[1]
    post(service, "/api/edits", {"images": [rows[3].id], "action": "keep", "by": "Ben", "saw": first["head"]})
    assert post(service, "/api/undo", {"numbers": first["written"], "by": "Ana"})[1]["kept"] == 1
    assert edits.fold(edits.read(store, "mine"))[rows[3].id].action == "keep"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"{}",
        {"images": [], "action": "keep"},
        {"images": ["x"], "action": "keep"},
        {"images": ["x"], "action": 3},
        b"[" * 100_000,
    ],
)
def test_what_is_no_edit_is_refused_in_words(body: object, laid: tuple[Store, Service, list[Entry]]) -> None:
    status, said = post(laid[1], "/api/edits", body)
    assert (status, bool(said["error"])) == (400, True)


def test_the_sheet_has_every_row_and_pictures_are_jpeg(laid: tuple[Store, Service, list[Entry]]) -> None:
    _, service, rows = laid
    sheet = json.loads(ask(service, "/api/sheet", headers=cookie(service))[2])
    assert sheet["ids"] == [row.id for row in rows]
    status, headers, data = ask(service, f"/small/{rows[0].id}", headers=cookie(service))
    assert (status, headers["content-type"], data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    about = json.loads(ask(service, f"/api/pictures/{rows[0].id}", headers=cookie(service))[2])
    assert about["rows"][0]["licence"] == "CC BY 4.0"


def test_a_file_of_edits_is_read_once_however_often_it_is_sent(laid: tuple[Store, Service, list[Entry]]) -> None:
    store, service, rows = laid
    data = f"name,label\n{rows[5].name},zigzag\n{rows[6].name},zigzag\nnobody,zigzag\n".encode()
    counts = [post(service, "/api/import/csv", data)[1] for _ in range(2)]
    assert [(one["written"], one["known"], one["refused"]) for one in counts] == [(2, 0, 1), (0, 2, 1)]
    assert edits.fold(edits.read(store, "mine"))[rows[6].id].label == "zigzag"
    exported = ask(service, "/export/edits.csv", headers=cookie(service))
    assert (exported[0], exported[2].count(b"zigzag")) == (200, 2)


def test_the_inbox_is_labelled_saved_as_class_folders_and_put_aside(laid: tuple[Store, Service, list[Entry]]) -> None:
    store, service, _ = laid
    for seed, (first, second) in enumerate(((0.9, 0.1), (0.5, 0.5))):
        data = encode(drawing("spots", seed))
        entry = inbox.Entry(
            dataset="mine", image=image_id(data), version="v", probabilities={"bars": first, "rows": second}, format="PNG", at="now"
        )
        inbox.Inbox(store, "mine", 10).keep(data, entry)
    shown = json.loads(ask(service, "/api/inbox", headers=cookie(service))[2])
    assert shown["chance"][0] == [0.5, 0.5]  # most telling first
    first, second = shown["ids"]
    assert ask(service, f"/small/{first}", headers=cookie(service))[2][:2] == b"\xff\xd8"
    assert post(service, "/api/edits", {"images": [first], "action": "label", "label": "../spots", "by": "Ana"})[0] == 200
    with zipfile.ZipFile(io.BytesIO(ask(service, "/export/inbox.zip", headers=cookie(service))[2])) as archive:
        assert [name.partition("/")[0] for name in archive.namelist()] == ["_spots"]
    assert post(service, "/api/inbox/aside", {"images": [second]})[0] == 200
    assert [entry.image for entry in inbox.read(store, "mine")] == [first]
