"""Documents: one form, a seal, a schema number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import records
from common.errors import BadInput, NewerSchema
from common.records import Cancel, Document, Manifest, Part, Recipe, Unit


class Later(Document, frozen=True, kw_only=True, tag="cancel/2"):
    """What a newer Darkroom may write."""

    asked: str


PART = Part(name="a", key="artifacts/x/y/parts/z-a", size=1, sha256="0" * 64)


def manifest() -> Manifest:
    return Manifest(
        step="train",
        key="k",
        recipe=Recipe(step="train", parameters={"c": [1, 2.5]}, inputs={"x": "d"}, code="c"),
        content=(PART,),
        units=(Unit(name="u", digest="d", content=(PART,)),),
        info={"items": 3, "ü": "\u2028"},
        digest="d",
        writer="w",
    )


def test_a_document_comes_back_as_it_was() -> None:
    assert records.decode(records.encode(manifest()), Manifest, "here") == manifest()


def test_equal_documents_are_equal_bytes() -> None:
    first = Recipe(step="s", parameters={"a": 1, "b": 2}, inputs={}, code="")
    second = Recipe(step="s", parameters={"b": 2, "a": 1}, inputs={}, code="")
    assert records.canonical(first) == records.canonical(second)
    assert first.key == second.key


@given(st.data())
def test_a_flipped_bit_is_found_wherever_it_is(data: st.DataObject) -> None:
    good = records.encode(manifest())
    place = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[place // 8] ^= 1 << place % 8
    with pytest.raises((BadInput, NewerSchema)):
        records.decode(bytes(bad), Manifest, "here")


@given(st.integers(0, 400))
def test_a_cut_document_is_found(length: int) -> None:
    good = records.encode(manifest())
    with pytest.raises(BadInput):
        records.decode(good[: min(length, len(good) - 2)], Manifest, "here")


def test_a_newer_schema_says_upgrade() -> None:
    with pytest.raises(NewerSchema, match="Upgrade"):
        records.decode(records.encode(Later(asked="now")), Cancel, "cancel.json")


def test_a_schema_that_a_flipped_bit_made_newer_is_damage() -> None:
    flipped = records.encode(Cancel(asked="now", by="me")).replace(b"cancel/1", b"cancel/3")
    with pytest.raises(BadInput, match="damaged"):
        records.decode(flipped, Cancel, "cancel.json")


def test_another_kind_of_document_is_named() -> None:
    with pytest.raises(BadInput, match=r"cancel\.json is not a manifest document"):
        records.decode(records.encode(Cancel(asked="now", by="me")), Manifest, "cancel.json")


def test_a_giant_document_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 10)
    with pytest.raises(BadInput, match="at most 10"):
        records.decode(records.encode(manifest()), Manifest, "here")


def test_every_document_has_its_own_schema() -> None:
    tags = [kind.__struct_config__.tag for kind in Document.__subclasses__() if kind is not Later]
    assert all(re.fullmatch(r"[a-z-]+/\d+", str(tag)) for tag in tags)
    assert len(set(tags)) == len(tags)


def test_evidence_does_not_enter_the_content_digest() -> None:
    plain = records.content_digest((PART,), (), {"items": 1})
    assert plain == records.content_digest((PART,), (), {"items": 1})
    assert plain != records.content_digest((PART,), (), {"items": 2})
    assert plain != records.content_digest((), (), {"items": 1})


def test_where_a_part_lies_does_not_enter_the_content_digest() -> None:
    moved = Part(name="a", key="elsewhere", size=1, sha256="0" * 64)
    assert records.content_digest((PART,), (), {}) == records.content_digest((moved,), (), {})
