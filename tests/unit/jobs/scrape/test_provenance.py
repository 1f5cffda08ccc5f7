"""Where pictures come from, over several looks, and the page that gives credit."""

from __future__ import annotations

from jobs.scrape import provenance
from jobs.scrape.provenance import Provenance
from jobs.scrape.rows import Fetched, advance
from jobs.scrape.sources import Item, Origin
from jobs.scrape.sources.web import item_of

URL = "https://pictures.example/1.jpg"
ORIGIN = Origin(
    url=URL,
    landing="https://pictures.example/page",
    title="Dots",
    creator="A. Weaver",
    licence="by 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    provider="openverse",
)


def look(item: Item, outcome: Fetched | None, before: list[Provenance], rows_before: list, number: int = 1):  # type: ignore[no-untyped-def,type-arg]
    some = [outcome] if outcome else []
    rows = advance(rows_before, [item], some, number)
    return rows, provenance.advance(before, rows, [item], some)


def test_the_first_fetch_is_remembered_and_later_ones_only_check() -> None:
    item = item_of("dotted", ORIGIN)
    first = Fetched(token=item.token, id="id", reason="", sha256="sum", url="https://cdn.example/1.jpg", status=200, time="t1")
    rows, (one,) = look(item, first, [], [])
    assert (one.creator, one.licence, one.final, one.sha256, one.fetched) == (
        "A. Weaver",
        "by 4.0",
        "https://cdn.example/1.jpg",
        "sum",
        "t1",
    )
    rows, (again,) = look(item, Fetched(token=item.token, id="", reason="HTTP 404", status=404, time="t2"), [one], rows, 2)
    assert (again.checked, again.found, again.id, again.fetched) == ("t2", "HTTP 404", "id", "t1")
    rows, (still,) = look(item, Fetched(token=item.token, id="id", reason="", status=200, time="t3"), [again], rows, 3)
    assert (still.checked, still.found) == ("t3", "unchanged")
    assert look(item, None, [still], rows, 4)[1] == [still]


def test_a_failure_is_remembered_until_it_heals() -> None:
    item = item_of("dotted", ORIGIN)
    rows, (one,) = look(item, Fetched(token=item.token, id="", reason="HTTP 503", heals=True, status=503, time="t1"), [], [])
    assert (one.id, one.reason, one.status) == ("", "HTTP 503", 503)
    _, (healed,) = look(item, Fetched(token=item.token, id="id", reason="", status=200, time="t2"), [one], rows, 2)
    assert (healed.id, healed.reason, healed.status, healed.fetched, healed.landing) == ("id", "", 200, "t2", ORIGIN.landing)


def test_the_page_names_whom_each_picture_is_owed_to() -> None:
    item = item_of("dotted", ORIGIN)
    _, rows = look(item, Fetched(token=item.token, id="id" * 32, reason="", time="t"), [], [])
    page = provenance.page(rows)
    assert "A. Weaver" in page
    assert 'href="https://creativecommons.org/licenses/by/4.0/"' in page
    assert 'href="https://pictures.example/page"' in page
    assert "<td>by 4.0</td><td>1</td>" in page


def test_what_others_wrote_cannot_become_a_script() -> None:
    evil = Origin(url=URL, landing="javascript:alert(1)", title="<script>alert(1)</script>", creator='"><img src=x onerror=alert(1)>')
    item = item_of("<b>", evil)
    _, rows = look(item, Fetched(token=item.token, id="id", reason="", time="t"), [], [])
    page = provenance.page(rows)
    assert "<script>" not in page
    assert "<img" not in page
    assert "javascript:" not in page
    assert "<h2>&lt;b&gt;" in page


def test_pictures_that_were_refused_are_owed_to_nobody() -> None:
    item = item_of("dotted", ORIGIN)
    _, rows = look(item, Fetched(token=item.token, id="", reason="HTTP 404", time="t"), [], [])
    assert "A. Weaver" not in provenance.page(rows)


def test_a_long_link_leads_where_it_should() -> None:
    url = f"https://pictures.example/{'x' * 2000}.jpg"
    item = item_of("dotted", Origin(url=url))
    _, rows = look(item, Fetched(token=item.token, id="id", reason="", time="t"), [], [])
    assert f'href="{url}"' in provenance.page(rows)
