"""The snapshot's table: one row for each (label, name, token) that any snapshot has seen.

Rows are never removed. `first` is the snapshot that first saw the row, `gone` the one that no
longer did (0: it is there); a failure is a row without an id, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from common.dataset import Row
from common.records import Value
from jobs.scrape.sources import Item


class Fetched(Value, frozen=True, kw_only=True):
    """What became of a token: a picture's id, or the reason why there is none and whether that may heal.

    From the web also: the sha256 of the bytes as they came, where they came from in the end, HTTP's status, and when.
    """

    token: str
    id: str
    reason: str
    heals: bool = False
    sha256: str = ""
    url: str = ""
    status: int = 0
    time: str = ""


def advance(previous: list[Row], listed: Iterable[Item], fetched: Iterable[Fetched], number: int) -> list[Row]:
    """Return the rows of snapshot `number`: those of before, marked where gone, and the new ones.

    A row keeps its picture whatever later becomes of its token; a failure is tried as often as it is fetched.
    """
    now = {_identity(item): item for item in listed}
    known = {_identity(row): row for row in previous}
    fresh = {outcome.token: outcome for outcome in fetched}
    outcomes: Mapping[str, Row | Fetched] = {**fresh, **{row.token: row for row in previous if row.id or row.token not in fresh}}
    kept = [_seen(row, now.get(identity), fresh.get(row.token), number) for identity, row in known.items()]
    new = [_new(item, outcomes[item.token], number) for identity, item in now.items() if identity not in known]
    return sorted([*kept, *new], key=lambda row: (row.first, row.label, row.name, row.token))


def _identity(one: Row | Item) -> tuple[str, str, str]:
    return one.label, one.name, one.token


def _seen(row: Row, item: Item | None, fresh: Fetched | None, number: int) -> Row:
    if not row.id and fresh is not None:
        first = number if fresh.id else row.first  # a picture is first seen by the snapshot that first has it
        row = msgspec.structs.replace(row, id=fresh.id, reason=fresh.reason, heals=fresh.heals, first=first)
    if item is None:
        return msgspec.structs.replace(row, gone=row.gone or number)
    return msgspec.structs.replace(row, gone=0, dedicated=item.dedicated)


def _new(item: Item, outcome: Row | Fetched, number: int) -> Row:
    return Row(
        label=item.label,
        name=item.name,
        token=item.token,
        id=outcome.id,
        reason=outcome.reason,
        heals=outcome.heals,
        licence=item.licence,
        dedicated=item.dedicated,
        first=number,
        gone=0,
    )
