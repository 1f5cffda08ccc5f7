"""Lists of URLs, as people write them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import BadInput
from common.progress import silent
from jobs.scrape.sources import Item, Listing, Reach
from jobs.scrape.sources.urls import KIND

A, B = "https://one.example/a.jpg", "http://two.example/b.png?x=1&y=2"


def look(path: Path, data: bytes | str, *, labelled: bool = True) -> Listing:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return KIND.open(Reach(str(path), environment={}, labelled=labelled)).look(silent)


def parquet(columns: dict[str, list[object]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def pairs(listing: Listing) -> list[tuple[str, str]]:
    return [(item.label, item.name) for item in listing.items]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.tsv", f"dotted\t{A}\nstriped\t{B}\n"),
        ("list.tsv", f"\ufeffdotted\t{A}\r\n\r\nstriped\t{B}"),
        ("list.tsv", f"label\turl\ndotted\t{A}\nstriped\t{B}\n"),
        ("list.TSV", f"url\tclass\tremark\n{A}\tdotted\tx\n{B}\tstriped\n"),
        ("list.csv", f'Label,URL\ndotted,{A}\nstriped,"{B}"\n'),
        ("list.csv", f"dotted,{A}\nstriped,{B}\ndotted,{A}\n"),
        ("list.parquet", parquet({"label": ["dotted", "striped"], "url": [A, B], "other": [1, 2]})),
        ("list.parquet", parquet({"image_url": [A, B], "category": ["dotted", "striped"]})),
    ],
)
def test_class_and_url_are_read_from_each_form(tmp_path: Path, name: str, data: bytes | str) -> None:
    assert pairs(look(tmp_path / name, data)) == [("dotted", A), ("striped", B)]


def test_what_else_a_list_says_of_a_picture_is_kept(tmp_path: Path) -> None:
    (item,) = look(tmp_path / "x.csv", f'label,url,license,creator,sha256,landing\na,{A},CC BY,"Weaver, A.",{"AB" * 32},{B}\n').items
    assert item.recipe == {"url": A, "licence": "CC BY", "creator": "Weaver, A.", "sha256": "ab" * 32, "landing": B}
    assert item.licence == "CC BY"


def test_a_url_is_one_token_whatever_else_is_said_of_it(tmp_path: Path) -> None:
    def token(columns: str, cells: str) -> str:
        (item,) = look(tmp_path / "x.csv", f"label,url{columns}\na,{A}{cells}\n").items
        return item.token

    assert token(",creator", ",somebody") == token("", "")
    assert token(",sha256", "," + "0" * 64) != token("", "")


def test_a_quotation_mark_in_a_tsv_is_a_character(tmp_path: Path) -> None:
    assert pairs(look(tmp_path / "x.tsv", f'6" dots\t{A}\n')) == [('6" dots', A)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.tsv", "", "names no pictures"),
        ("x.tsv", "dotted\n", r"x\.tsv:1: dotted names no columns that are known, and holds no URL"),
        ("x.csv", f"class,link\ndotted,{A}\n", r"x\.csv:1: class, link names no columns"),
        ("x.parquet", parquet({"label": [b"a"], "url": [A]}), r"x\.parquet:1: .* is no text"),
        ("x.parquet", parquet({"label": [{"a": 1}], "url": [A]}), r"x\.parquet:1: .* is no text"),
        ("x.tsv", f"a\t{A}\nb\t\n", r"x\.tsv:2: there is no URL"),
        ("x.tsv", f"\t{A}\n", r"x\.tsv:1: '' is no name of a class"),
        ("x.tsv", f"a/b\t{A}\n", "is no name of a class"),
        ("x.tsv", f"a\x07\t{A}\n", "is no name of a class"),
        ("x.tsv", b"\xff\xfe\x00", "is no text in UTF-8"),
        ("x.csv", f'a,"{A}\n', r"x\.csv:\d+: "),
        ("x.csv", "url,other\n", "has no column 'label', only url, other"),
        ("x.parquet", b"PAR1 not really", "no readable Parquet table"),
        ("x.parquet", parquet({"label": ["a"]}), "has no column 'url'"),
        ("x.parquet", parquet({"label": ["a"], "url": pa.nulls(1, pa.string())}), r"x\.parquet:1: there is no URL"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, name: str, data: bytes | str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        look(tmp_path / name, data)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"list\.tsv cannot be read \(No such file"):
        KIND.open(Reach(str(tmp_path / "list.tsv"), environment={})).look(silent)


def test_urls_of_any_form_are_listed_and_judged_when_they_are_fetched(tmp_path: Path) -> None:
    found: list[Item] = look(tmp_path / "x.tsv", "a\tfile:///etc/passwd\na\thttp://[\n").items
    assert [item.name for item in found] == ["file:///etc/passwd", "http://["]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.tsv", f"{A}\n{B}\n"),
        ("list.csv", f"{A}\n{B}\n"),
        ("list.csv", f"url\n{A}\n{B}\n"),
        ("list.tsv", f"dotted\t{A}\n\t{B}\n"),
        ("list.csv", f"label,url\na/b,{A}\n,{B}\n"),
        ("list.parquet", parquet({"url": [A, B]})),
        ("list.parquet", parquet({"label": [1.5, 2.5], "url": [A, B]})),
    ],
)
def test_without_labels_a_url_is_enough_and_no_class_is_looked_at(tmp_path: Path, name: str, data: bytes | str) -> None:
    assert pairs(look(tmp_path / name, data, labelled=False)) == [("", A), ("", B)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("list.tsv", "one\ntwo\n", "names no columns that are known, and holds no URL"),
        ("list.csv", "label,size\nx,1\n", "holds no URL"),
        ("list.parquet", parquet({"label": ["x"]}), "has no column 'url', only label. A list has url."),
        ("list.tsv", "\n", "names no pictures. Write one a line: its URL."),
    ],
)
def test_without_labels_a_list_without_urls_is_named(tmp_path: Path, name: str, data: bytes | str, words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        look(tmp_path / name, data, labelled=False)
