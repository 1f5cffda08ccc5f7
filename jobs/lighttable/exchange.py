"""Edits out of and into other tools: CSV for spreadsheets, Label Studio's JSON.

What comes in is a wish: rows that name no picture of the table, or say nothing clear, are counted and named, never guessed;
rows that say what holds already write nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from common import edits
from common.dataset import Entry
from common.errors import BadInput
from common.records import Edit, canonical, read_json

COLUMNS = ("image", "name", "action", "label", "by", "at")
CHOICE, DECISION = "class", "decision"
MOST_ROWS, MOST_NAMED = 50_000, 5
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass
class Found:
    """What a file wants: (image, action, label) in its order, and what cannot be used."""

    words: list[tuple[str, str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Result(msgspec.Struct):
    """One answer of a person in Label Studio."""

    type: str = ""
    from_name: str = ""
    value: Any = None


class Annotation(msgspec.Struct):
    """A person's answers on one task."""

    result: list[Result] = []
    was_cancelled: bool = False
    updated_at: str = ""


class LabelTask(msgspec.Struct):
    """A task of Label Studio's export: a picture and what was said of it."""

    data: dict[str, Any]
    annotations: list[Annotation] = []


def to_csv(chain: Iterable[Edit], entries: Iterable[Entry]) -> bytes:
    """Return all edits, oldest first; what a spreadsheet would take for a formula has a ' before it."""
    names = {entry.id: entry.name for entry in entries}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for edit in chain:
        row = (edit.image, names.get(edit.image, ""), edit.action, edit.label, edit.by, edit.at)
        writer.writerow([_disarm(cell) for cell in row])
    return buffer.getvalue().encode()


def from_csv(data: bytes, entries: Sequence[Entry]) -> Found:
    """Read rows with `image` (sha256) or `name`, and `action` (default: label) or `label`.

    Raises:
        BadInput: it is no such table, or too long.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"This is no CSV in UTF-8: {error}.") from error
    if rows and not ({"image", "name"} & rows[0].keys() and {"action", "label"} & rows[0].keys()):
        raise BadInput(f"The first line names the columns: image or name, and action or label; here it has {', '.join(map(str, rows[0]))}.")
    _check_length(len(rows))
    place = _Places(entries)
    found = Found()
    for number, row in enumerate(rows, 2):
        cells = {name: _arm((row.get(name) or "").strip()) for name in COLUMNS}
        action = cells["action"] or edits.ACTIONS[0]
        _take(found, f"line {number}", place(cells["image"], cells["name"]), action, cells["label"] if action == "label" else "")
    return found


def to_label_studio(words: Mapping[str, Edit], entries: Iterable[Entry], prefix: str) -> bytes:
    """Return a task for each picture, with people's words as annotations; `prefix` before a name is where Label Studio finds it."""
    tasks = []
    for entry in entries:
        if not entry.id:
            continue
        edit = words.get(entry.id)
        task: dict[str, Any] = {
            "data": {"image": prefix + entry.name, "darkroom_image": entry.id, "name": entry.name, "label": entry.label},
            "annotations": [],
        }
        if edit is not None:
            name, choice = (CHOICE, edit.label) if edit.action == "label" else (DECISION, edit.action)
            result = {"type": "choices", "from_name": name, "to_name": "image", "value": {"choices": [choice]}}
            task["annotations"] = [{"result": [result], "was_cancelled": False}]
        tasks.append(task)
    return canonical(tasks)


def from_label_studio(data: bytes, entries: Sequence[Entry]) -> Found:
    """Read an export of Label Studio (JSON): of each task the newest annotation's choices. Raises BadInput."""
    tasks = read_json(data, list[LabelTask], "Label Studio's export")
    _check_length(len(tasks))
    place = _Places(entries)
    found = Found()
    for number, task in enumerate(tasks, 1):
        said = [one for one in task.annotations if not one.was_cancelled]
        if not said:
            continue
        image = place(str(task.data.get("darkroom_image", "")), str(task.data.get("name", "")) or str(task.data.get("image", "")))
        for result in max(said, key=lambda one: one.updated_at).result:
            if result.type == "choices":
                choices = _choices(result.value)
                choice = choices[0] if len(choices) == 1 else ""
                decision = result.from_name == DECISION
                _take(found, f"task {number}", image, choice if decision else "label", "" if decision else choice)
    return found


def _choices(value: Any) -> list[str]:
    chosen = value.get("choices") if isinstance(value, dict) else None
    return [str(one) for one in chosen] if isinstance(chosen, list) else []


class _Places:
    """Finds the picture that a row means, by its sha256 or its name; a name that several have means none."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._ids = {entry.id for entry in entries if entry.id}
        self._names: dict[str, str] = {}
        for entry in entries:
            if entry.id:
                self._names[entry.name] = entry.id if self._names.get(entry.name, entry.id) == entry.id else ""

    def __call__(self, image: str, name: str) -> str:
        if image:
            return image if image in self._ids else ""
        return self._names.get(name, "")


def _take(found: Found, where: str, image: str, action: str, label: str) -> None:
    if not image:
        found.refused.append(f"{where}: names no picture of this table")
        return
    try:
        edits.check(Edit(dataset="", image=image, action=action, label=label))
    except BadInput as error:
        found.refused.append(f"{where}: {error}")
    else:
        found.words.append((image, action, label))


def _check_length(count: int) -> None:
    if count > MOST_ROWS:
        raise BadInput(f"{count} rows are more than {MOST_ROWS}; import them in several files.")


def _disarm(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _arm(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
