"""A list of URLs: lines of class and URL, as a table that anybody can write.

`.tsv` and `.csv` have a header that names the columns, or none: then they are class and URL, as in
the list of the original of 2017. `.parquet` has the columns by name. Beside `label` and `url` a list
may say `sha256`, `licence`, `licence_url`, `creator`, `title`, `landing` and `attribution`. It lies on
the machine of whoever submits, or in object storage. Where no labels are wanted, a URL alone is a line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from common.errors import BadInput, NotFound
from common.progress import Reporter, silent
from common.store import open_url
from jobs.scrape.sources.kinds import Item, Kind, Listing, Origin, Reach
from jobs.scrape.sources.web import WebSource, item_of

MOST_BYTES = 512 * 1024 * 1024
MOST_LABEL = 100
SUFFIXES = {".tsv": "\t", ".csv": ","}
PARQUET = ".parquet"
NAMES = {"class": "label", "category": "label", "image_url": "url", "license": "licence", "license_url": "licence_url", "author": "creator"}

Line = tuple[int, Mapping[str, str]]


class UrlSource(WebSource):
    """The pictures that a list names."""

    def look(self, progress: Reporter = silent) -> Listing:
        where, wanted = self.reach.locator, ("label", "url") if self.reach.labelled else ("url",)
        read = _parquet if _suffix(where) == PARQUET else _text
        lines = read(_read(self.reach), where, wanted)
        items = list({(item.label, item.token): item for item in (_item(line, where, wanted) for line in lines)}.values())
        progress(len(items), len(items), "URLs listed")
        if not items:
            raise BadInput(f"{where} names no pictures. Write one a line: {'class, tab, URL' if self.reach.labelled else 'its URL'}.")
        return Listing(items)


def _suffix(source: str) -> str:
    return PurePosixPath(source).suffix.lower()


def _read(reach: Reach) -> bytes:
    where = reach.locator
    try:
        if where.startswith("s3://"):
            folder, _, name = where.rpartition("/")
            return open_url(folder, reach.environment).get(name, MOST_BYTES).data
        path = Path(where)
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{where} has {path.stat().st_size} bytes; a list has at most {MOST_BYTES}.")
        return path.read_bytes()
    except NotFound as error:
        raise BadInput(f"The list {where} does not exist. Check the path.") from error
    except OSError as error:
        raise BadInput(f"The list {where} cannot be read ({error.strerror}). Check the path and its permissions.") from error


def _text(data: bytes, where: str, wanted: tuple[str, ...]) -> Iterator[Line]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{where} is no text in UTF-8 ({error.reason}).") from error
    delimiter = SUFFIXES[_suffix(where)]
    lines = io.StringIO(text, newline="")
    if delimiter == ",":
        reader = csv.reader(lines, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            words = [cell.strip() for cell in cells]
            if not any(words):
                continue
            if not columns:
                columns = _columns(words)
                if "url" in columns:
                    _require_columns(columns, where, wanted)
                    continue
                if not any("://" in word for word in words):
                    raise BadInput(f"{where}:{reader.line_num}: {', '.join(words)} names no columns that are known, and holds no URL.")
                columns = ["label", "url"] if len(words) > 1 else list(wanted)
            if len(words) < len(columns) and "url" not in dict(zip(columns, words, strict=False)):
                mark = "tab" if delimiter != "," else "comma"
                raise BadInput(
                    f"{where}:{reader.line_num}: there is no URL. Write: {'class, ' + mark + ', ' if 'label' in wanted else ''}URL."
                )
            yield reader.line_num, dict(zip(columns, words, strict=False))
    except csv.Error as error:
        raise BadInput(f"{where}:{reader.line_num}: {error}.") from error


def _columns(words: list[str]) -> list[str]:
    lower = [word.lower() for word in words]
    return [NAMES.get(word, word) for word in lower]


def _require_columns(columns: list[str], where: str, wanted: tuple[str, ...]) -> None:
    lacking = [name for name in wanted if name not in columns]
    if lacking:
        raise BadInput(f"{where} has no column {lacking[0]!r}, only {', '.join(columns)}. A list has {' and '.join(wanted)}.")


def _parquet(data: bytes, where: str, wanted: tuple[str, ...]) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        names = {column: _columns([column])[0] for column in file.schema_arrow.names}
        _require_columns(list(names.values()), where, wanted)
        known = [column for column, name in names.items() if name in wanted or name in Origin.__struct_fields__]
        number = 0
        for batch in file.iter_batches(columns=known):
            for row in batch.to_pylist():
                number += 1
                yield number, {names[column]: _cell(value, f"{where}:{number}") for column, value in row.items()}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{where} is no readable Parquet table: {error}.") from error


def _cell(value: object, where: str) -> str:
    if value is not None and not isinstance(value, str | int):
        raise BadInput(f"{where}: {str(value)[:MOST_LABEL]!r} is no text.")
    return "" if value is None else str(value).strip()


def _item(line: Line, where: str, wanted: tuple[str, ...]) -> Item:
    number, cells = line
    label, url = _label(cells, f"{where}:{number}") if "label" in wanted else "", cells.get("url", "")
    if not url:
        raise BadInput(f"{where}:{number}: there is no URL.")
    known = {name: cells[name] for name in Origin.__struct_fields__ if cells.get(name)}
    return item_of(label, msgspec.convert({**known, "sha256": known.get("sha256", "").lower()}, Origin))


def _label(cells: Mapping[str, str], where: str) -> str:
    label = cells.get("label", "")
    if not label or len(label) > MOST_LABEL or not label.isprintable() or "/" in label:
        raise BadInput(f"{where}: {label[:MOST_LABEL]!r} is no name of a class.")
    return label


def _settle(source: str) -> str:
    return source if source.startswith("s3://") else str(Path(source).expanduser().absolute())


def _wrong(source: str) -> list[str]:
    scheme, mark, rest = source.partition("://")
    if not mark or (scheme == "s3" and "/" in rest and not {"?", "#"} & set(rest)):
        return []
    return [f"source = {source!r} is no list of URLs that can be read. Give the path of a file, or s3://bucket/prefix/list.tsv."]


KIND = Kind(
    name="urls",
    words="pictures from the web, by a list of URLs",
    fits=lambda source: _suffix(source) in (*SUFFIXES, PARQUET),
    open=UrlSource,
    wrong=_wrong,
    settle=_settle,
    listed=True,
    web=True,
)
