"""Parameters: how they are declared, read, checked, overridden and explained.

Each stage room declares its own in `spec.py`. A person sees one flat list of names; a name of
the original system works as an alias. All errors of one reading come at once, each with the
file and line, because fixing them one by one is what people hate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from common.errors import BadParameters, did_you_mean

MAX_FILE_BYTES = 256 * 1024
MAX_SHOWN = 200
MAX_LABEL, MAX_PHRASE, MAX_PHRASES, MAX_CLASSES = 100, 200, 100, 1000


@dataclass(frozen=True)
class Parameter:
    """One setting. `unit` is for people; `low` and `high` are inclusive and also hold for list entries; `words` name values."""

    name: str
    kind: str
    default: Any
    help: str
    unit: str = ""
    aliases: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    words: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Given:
    """A value that a person wrote, and where."""

    name: str
    value: Any
    where: str


class Values(Mapping[str, Any]):
    """Resolved settings, with typed reading."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str:
        return str(self._values[name])

    def integer(self, name: str) -> int:
        return int(self._values[name])

    def number(self, name: str) -> float:
        return float(self._values[name])

    def flag(self, name: str) -> bool:
        return bool(self._values[name])

    def numbers(self, name: str) -> tuple[float, ...]:
        return tuple(float(value) for value in self._values[name])

    def counts(self, name: str) -> dict[str, int]:
        return {str(label): int(count) for label, count in self._values[name].items()}

    def phrases(self, name: str) -> dict[str, tuple[str, ...]]:
        return {str(label): tuple(phrases) for label, phrases in self._values[name].items()}

    def only(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the named settings, in order of name."""
        return {name: self._values[name] for name in sorted(names)}


@dataclass(frozen=True)
class Resolved:
    """All settings of a dataset and where each came from ("default" or a place a person wrote)."""

    values: Values
    origins: Mapping[str, str]


@dataclass
class _Errors:
    lines: list[str] = field(default_factory=list)

    def add(self, where: str, message: str) -> None:
        self.lines.append(f"{where}: {message}")

    def raise_if_any(self) -> None:
        if self.lines:
            raise BadParameters("\n".join(self.lines))


Check = Callable[[Values], list[str]]


def resolve(declared: Iterable[Parameter], given: Iterable[Given], checks: Iterable[Check] = ()) -> Resolved:
    """Return defaults overridden by what was given, later over earlier.

    `checks` look at the settings as a whole; each returns what is wrong, in sentences.

    Raises:
        BadParameters: unknown names (with the nearest known one), wrong types, values out of range; all at once.
    """
    by_name = {parameter.name: parameter for parameter in declared}
    by_alias = {alias: parameter for parameter in by_name.values() for alias in parameter.aliases}
    values = {name: parameter.default for name, parameter in by_name.items()}
    origins = dict.fromkeys(by_name, "default")
    errors = _Errors()
    for one in given:
        parameter = by_name.get(one.name) or by_alias.get(one.name)
        if parameter is None:
            known = did_you_mean(one.name, [*by_name, *by_alias])
            errors.add(one.where, f"there is no parameter {one.name!r}.{known} `darkroom parameters` lists all.")
            continue
        try:
            values[parameter.name] = check(parameter, one.value)
        except ValueError as error:
            errors.add(one.where, f"{one.name} = {_short(one.value)}: {error}")
        origins[parameter.name] = one.where
    resolved = Resolved(Values(values), origins)
    errors.lines += [message for check_all in checks for message in check_all(resolved.values)]
    errors.raise_if_any()
    return resolved


def check(parameter: Parameter, value: Any) -> Any:
    """Return the value in the parameter's type. Raises ValueError with what is expected."""
    read: Callable[[Parameter, Any], Any] = _KINDS[parameter.kind]
    named = dict(parameter.words)
    return read(parameter, named.get(value, value) if isinstance(value, str) else value)


def _number(parameter: Parameter, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a number.")  # noqa: TRY004 - check() promises one kind of error
    try:
        number = float(value)
    except ValueError:
        raise ValueError("expected a number.") from None
    low, high = parameter.low, parameter.high
    if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"must be {_range(parameter)}.")
    return number


def _integer(parameter: Parameter, value: Any) -> int:
    number = _number(parameter, value)
    if not number.is_integer():
        raise ValueError("expected a whole number.")
    return int(number)


def _flag(_: Parameter, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("expected true or false.")


def _text(_: Parameter, value: Any) -> str:
    if isinstance(value, bool | list | dict) or value is None:
        raise ValueError("expected a text.")
    return str(value)


def _choice(parameter: Parameter, value: Any) -> str:
    if value not in parameter.choices:
        near = did_you_mean(str(value), parameter.choices)
        raise ValueError(f"must be one of {', '.join(parameter.choices)}.{near}")
    return str(value)


def _numbers(parameter: Parameter, value: Any) -> list[float]:
    if not isinstance(value, list) or not value:
        raise ValueError("expected a list of numbers, such as [0.1, 1].")
    return [_number(parameter, entry) for entry in value]


def _counts(parameter: Parameter, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not value:
        raise ValueError("expected names with counts, such as {dotted: 125, striped: 191}.")
    return {str(name): _integer(parameter, count) for name, count in sorted(value.items(), key=lambda item: str(item[0]))}


def _phrases(_: Parameter, value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or len(value) > MAX_CLASSES:
        raise ValueError("expected classes with phrases, such as {dotted: [dotted shirt, dotted blouse], striped: [striped shirt]}.")
    return {_label(name): _class_phrases(str(name), found) for name, found in sorted(value.items(), key=lambda item: str(item[0]))}


def _label(name: Any) -> str:
    label = str(name)
    if not label.strip() or label != label.strip() or len(label) > MAX_LABEL or "/" in label or not label.isprintable():
        raise ValueError(f"{_short(label)} is no name of a class: up to {MAX_LABEL} characters in one line, without a slash.")
    return label


def _class_phrases(label: str, found: Any) -> list[str]:
    """Return the phrases of a class, each once; one phrase needs no list."""
    entries = found if isinstance(found, list) else [found]
    if not entries or len(entries) > MAX_PHRASES or not all(isinstance(one, str | int) and not isinstance(one, bool) for one in entries):
        raise ValueError(f"class {_short(label)} wants a list of 1 to {MAX_PHRASES} phrases; quote what is no text, such as 'yes'.")
    phrases = list(dict.fromkeys(" ".join(str(one).split()) for one in entries))
    bad = [one for one in phrases if not one or len(one) > MAX_PHRASE or not one.isprintable()]
    if bad:
        raise ValueError(f"class {_short(label)}: {_short(bad[0])} is no phrase of 1 to {MAX_PHRASE} characters.")
    return phrases


_KINDS: Mapping[str, Callable[[Parameter, Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "text": _text,
    "choice": _choice,
    "numbers": _numbers,
    "counts": _counts,
    "phrases": _phrases,
}


def _range(parameter: Parameter) -> str:
    low, high = parameter.low, parameter.high
    if low is None and high is None:
        return "a finite number"
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


# --- reading what a person wrote ------------------------------------------------------------


def read_assignments(assignments: Iterable[str], where: str) -> list[Given]:
    """Read `name=value` texts; values are YAML, so lists and numbers look as in a dataset file.

    Raises:
        BadParameters: a text without `=`, or a value that is not YAML.
    """
    errors = _Errors()
    given = []
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            errors.add(where, f"{_short(text)} is not name=value.")
            continue
        try:
            node = _compose(value)
            given.append(Given(name.strip(), None if node is None else _construct(node), where))
        except yaml.YAMLError:
            errors.add(where, f"{name.strip()} = {_short(value)} cannot be read; quote it or check its brackets.")
    errors.raise_if_any()
    return given


def read_file(path: Path, known: Iterable[str]) -> list[Given]:
    """Read a dataset file: a YAML mapping, nested or with dotted names; aliases of `known` stay whole.

    Raises:
        BadParameters: not readable as such; with file and line.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BadParameters(f"{path}: has more than {MAX_FILE_BYTES} bytes; a dataset file is a page of settings.")
    try:
        root = _compose(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadParameters(f"{path}:{line}: {error.problem or 'cannot be read as YAML'}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadParameters(f"{path}: cannot be read as YAML: {error}.") from error
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise BadParameters(f"{path}:1: expected settings as `name: value` lines.")
    return list(_flatten(root, "", path, set(known)))


def _flatten(node: yaml.MappingNode, prefix: str, path: Path, known: set[str]) -> Iterator[Given]:
    for key_node, value_node in node.value:
        where = f"{path}:{key_node.start_mark.line + 1}"
        name = f"{prefix}{key_node.value}"
        nested = isinstance(value_node, yaml.MappingNode) and name not in known
        if nested and any(other.startswith(f"{name}.") for other in known):
            yield from _flatten(value_node, f"{name}.", path, known)
        else:
            try:
                yield Given(name, _construct(value_node), where)
            except yaml.YAMLError as error:
                raise BadParameters(f"{where}: {name} cannot be read: {error}.") from error


def _compose(text: str) -> yaml.Node | None:
    """Return YAML as nodes; nothing is built yet. Raises YAMLError."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deep") from error


def _construct(node: yaml.Node) -> Any:
    """Build plain values from a node. Raises YAMLError, also for aliases: with them a few bytes could mean gigabytes."""
    seen: set[int] = set()

    def build(one: yaml.Node) -> Any:
        if id(one) in seen and not isinstance(one, yaml.ScalarNode):
            raise yaml.YAMLError("aliases are not allowed here")
        seen.add(id(one))
        if isinstance(one, yaml.SequenceNode):
            return [build(entry) for entry in one.value]
        if isinstance(one, yaml.MappingNode):
            return {str(key.value): build(value) for key, value in one.value}
        try:
            value = yaml.SafeLoader("").construct_object(one)
        except ValueError as error:
            raise yaml.YAMLError(str(error)) from error
        return value if value is None or isinstance(value, bool | int | float | str) else str(value)  # a date, say

    return build(node)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
