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
    """What became of a token: a picture's id, or the reason why there is none."""

    token: str
    id: str
    reason: str


def advance(previous: list[Row], listed: Iterable[Item], fetched: Iterable[Fetched], number: int) -> list[Row]:
    """Return the rows of snapshot `number`: those of before, marked where gone, and the new ones."""
    now = {_identity(item): item for item in listed}
    known = {_identity(row): row for row in previous}
    outcomes: Mapping[str, Fetched] = {row.token: Fetched(token=row.token, id=row.id, reason=row.reason) for row in previous}
    outcomes = {**outcomes, **{outcome.token: outcome for outcome in fetched}}
    kept = [_seen(row, now.get(identity), number) for identity, row in known.items()]
    new = [_new(item, outcomes[item.token], number) for identity, item in now.items() if identity not in known]
    return sorted([*kept, *new], key=lambda row: (row.first, row.label, row.name, row.token))


def _identity(one: Row | Item) -> tuple[str, str, str]:
    return one.label, one.name, one.token


def _seen(row: Row, item: Item | None, number: int) -> Row:
    if item is None:
        return msgspec.structs.replace(row, gone=row.gone or number)
    return msgspec.structs.replace(row, gone=0, dedicated=item.dedicated)


def _new(item: Item, outcome: Fetched, number: int) -> Row:
    return Row(
        label=item.label,
        name=item.name,
        token=item.token,
        id=outcome.id,
        reason=outcome.reason,
        licence=item.licence,
        dedicated=item.dedicated,
        first=number,
        gone=0,
    )
