"""A dataset's settings: defaults, then its file, then what the command line says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from common.errors import UnknownName, did_you_mean
from common.parameters import Given, Parameter, Resolved, Values, read_assignments, read_file, resolve
from jobs.controller.graph import Graph
from jobs.scrape.sources import kind_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_PACKAGE = Path(__file__).resolve().parents[1]


def read(steps: Graph, dataset: str, assignments: Iterable[str] = (), source: str = "") -> Resolved:
    """Return the settings of a dataset.

    Raises:
        UnknownName: there is no such dataset file and no source is given.
        BadParameters: anything a person wrote is wrong; all at once.
    """
    if not _NAME.fullmatch(dataset):
        raise UnknownName(f"{dataset!r} cannot name a dataset: use up to 63 letters, digits, - and _, the first a letter or digit.")
    path = find_file(dataset)
    given = read_file(path, _names(steps.parameters)) if path else []
    given += read_assignments(assignments, "--set")
    if source:
        given.append(Given("source", source, "--source"))
    resolved = resolve(steps.parameters, given, [stage.check for stage in steps.stages])
    if not resolved.values.text("source"):
        known = list_files()
        raise UnknownName(
            f"There is no dataset {dataset!r} and no source for it.{did_you_mean(dataset, known)} "
            f"Known: {', '.join(known)}. Or say where its pictures are: --source DIR, or s3://bucket/prefix."
        )
    return _with_settled_source(resolved)


def read_plain(steps: Graph, assignments: Iterable[str], source: str) -> Resolved:
    """Return the settings of what is no dataset: nothing counts but what is said here. Raises BadParameters."""
    given = [*read_assignments(assignments, "--set"), Given("source", source, "the command line")]
    return _with_settled_source(resolve(steps.parameters, given, [stage.check for stage in steps.stages]))


def folders() -> list[Path]:
    """Return where dataset files are looked for: here, then those that come with Darkroom."""
    return [Path("datasets"), _PACKAGE.parent / "datasets", _PACKAGE / "datasets"]


def find_file(dataset: str) -> Path | None:
    """Return the file of a dataset, or None."""
    for folder in folders():
        path = folder / f"{dataset}.yaml"
        if path.is_file():
            return path
    return None


def list_files() -> list[str]:
    """Return the names of all dataset files."""
    return sorted({path.stem for folder in folders() if folder.is_dir() for path in folder.glob("*.yaml")})


def _names(parameters: Iterable[Parameter]) -> list[str]:
    return [name for parameter in parameters for name in (parameter.name, *parameter.aliases)]


def _with_settled_source(resolved: Resolved) -> Resolved:
    source = resolved.values.text("source")
    return Resolved(Values({**resolved.values, "source": kind_of(source).settle(source)}), resolved.origins)
