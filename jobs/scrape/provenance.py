"""Where the web's pictures come from: a row for each, and a page that gives credit.

Evidence, not content: when a picture was fetched changes no classifier. A row begins with what the
source said and the first fetch found; later looks only change `checked` and `found`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from itertools import groupby

import msgspec

from common.artifact import Artifact
from common.dataset import Row
from common.errors import Damaged
from common.tables import read_table, write_table
from jobs.scrape.rows import Fetched
from jobs.scrape.sources import Item, Origin

TABLE, PAGE = "provenance.parquet", "ATTRIBUTION.html"
STILL_THERE = "unchanged"
NO_LICENCE = "licence not known"


class Provenance(Origin, frozen=True, kw_only=True):
    """One picture of one class. `sha256` is that of the bytes as they came, `id` that of the picture as it is kept.

    `url` is what was asked for, `final` where that led; `fetched` and `checked` are ISO 8601, UTC; `found` says what the last check found.
    """

    label: str
    token: str
    id: str
    final: str = ""
    status: int = 0
    fetched: str = ""
    reason: str = ""
    checked: str = ""
    found: str = ""


def of_snapshot(snapshot: Artifact) -> list[Provenance]:
    """Return the rows of a snapshot; none where it has none, or where they are damaged: pictures matter more."""
    if TABLE not in snapshot.names():
        return []
    try:
        return read_table(snapshot.read(TABLE), Provenance)
    except Damaged:
        return []


def advance(previous: Iterable[Provenance], rows: Iterable[Row], items: Iterable[Item], fetched: Iterable[Fetched]) -> list[Provenance]:
    """Return what is known of each row's picture after another look."""
    known = {(one.label, one.token): one for one in previous}
    origins = {(item.label, item.token): msgspec.convert(item.recipe, Origin) for item in items if item.recipe}
    outcomes = {one.token: one for one in fetched}
    found = []
    for row in rows:
        place = (row.label, row.token)
        before = known.get(place) or _begin(row, origins.get(place))
        found.append(_note(before, row, outcomes.get(row.token)))
    return found


def write(rows: list[Provenance]) -> dict[str, bytes]:
    """Return the table and the page."""
    return {TABLE: write_table(rows, Provenance), PAGE: page(rows).encode()}


def page(rows: Iterable[Provenance]) -> str:
    """Return the page that gives credit for each picture that is kept, by class and licence; every word of others is escaped."""
    kept = sorted((one for one in rows if one.id), key=lambda one: (one.label, one.licence or NO_LICENCE, one.url))
    sections = []
    for label, of_label in groupby(kept, key=lambda one: one.label):
        pictures = list(of_label)
        lines = "".join(f"<li>{_credit(one)}</li>" for one in pictures)
        sections.append(f"<h2>{_escape(label)} <small>{len(pictures)}</small></h2><ol>{lines}</ol>")
    licences = "".join(f"<tr><td>{_escape(name)}</td><td>{count}</td></tr>" for name, count in _count(kept).items())
    return _PAGE.format(count=len(kept), licences=licences, sections="".join(sections))


def _begin(row: Row, origin: Origin | None) -> Provenance:
    known = origin or Origin(url=row.name, licence=row.licence)
    return Provenance(**{**msgspec.structs.asdict(known), "sha256": ""}, label=row.label, token=row.token, id="")


def _note(one: Provenance, row: Row, outcome: Fetched | None) -> Provenance:
    if outcome is None or not outcome.time:
        return msgspec.structs.replace(one, id=row.id, reason=row.reason)
    if one.id:  # it has its picture: this was a check
        return msgspec.structs.replace(one, checked=outcome.time, found=outcome.reason or STILL_THERE)
    return msgspec.structs.replace(
        one,
        id=row.id,
        reason=row.reason,
        sha256=outcome.sha256,
        final=outcome.url if outcome.url != one.url else "",
        status=outcome.status,
        fetched=outcome.time,
    )


def _count(rows: Iterable[Provenance]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for one in rows:
        name = one.licence or NO_LICENCE
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _credit(one: Provenance) -> str:
    words = _escape(one.attribution) or f"{_link(one.title or one.url, one.landing or one.url)}{_by(one)}"
    licence = _link(one.licence, one.licence_url) if one.licence else NO_LICENCE
    source = f" · {_link('page', one.landing)}" if one.landing else ""
    return f"{words} · {licence}{source} · {_link('picture', one.url)} <code>{one.id[:12]}</code>"


def _by(one: Provenance) -> str:
    return f" by {_escape(one.creator)}" if one.creator else ""


def _link(words: str, target: str) -> str:
    if not target.startswith(("http://", "https://")):  # a link that would run something is words
        return _escape(words)
    return f'<a rel="noreferrer nofollow" href="{html.escape(target)}">{_escape(words)}</a>'


def _escape(text: str) -> str:
    return html.escape(text[:500])


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Attribution</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }}
li {{ margin: .3rem 0; overflow-wrap: anywhere }} small, code {{ color: #666; font-weight: normal }} table {{ border-collapse: collapse }}
td {{ padding: .1rem 1rem .1rem 0 }} h2 {{ margin-top: 2rem }} a {{ color: #0b57a4 }}
@media (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #161616 }} a {{ color: #8ab8e6 }} small, code {{ color: #999 }} }}
</style></head><body>
<h1>Attribution</h1>
<p>{count} pictures that were fetched from the web, and whom they are owed to. Keep this page with what you publish of them.</p>
<table>{licences}</table>
{sections}
</body></html>
"""
