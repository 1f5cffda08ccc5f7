"""docs/benchmarks.md, made of what the benches printed: nothing in its tables is written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.rows import Bench, Row

HEAD = """\
# Benchmarks

`{command}` wrote this page on {date} from the lines of JSON that the benches printed; do not edit it.
Machine: {machine}. Its load when it began: {load:.1f} (others may work on it, so contenders take
turns and the best round of each counts).

A ratio above 1 means that Darkroom is better. Peers are pinned: scikit-learn by our own lock, the others in
`tests/bench/peers/`. `make bench ONLY=NAME` measures one section anew, which then says when; `make bench-NAME` runs
one bench and writes nothing.
"""
COLUMNS = ("what", "ours", "peer", "unit", "ratio", "goal", "")


@dataclass(frozen=True)
class Words:
    """What a person should know of a bench: how it measures, and what stands in the way where it misses a goal."""

    how: str
    limits: str


@dataclass(frozen=True)
class Occasion:
    """When and how the benches were run; `load` is the machine's average load over the minute before."""

    command: str
    date: str
    load: float


def render(benches: Sequence[Bench], words: Mapping[str, Words], occasion: Occasion) -> str:
    """Return the page as Markdown; a row under its goal is named below its table, with the bench's own word on why."""
    head = HEAD.format(command=occasion.command, date=occasion.date, load=occasion.load, machine=benches[0].machine)
    return "\n".join([head, *(_section(bench, words[bench.name]) for bench in benches)])


def put(text: str, bench: Bench, words: Words, order: Sequence[str], occasion: Occasion) -> str:
    """Return the page with one bench's section anew, in its place among the *order*; the section says when it was measured."""
    head, *others = text.split("\n## ")
    sections = {section.split("\n", 1)[0]: "## " + section for section in others}
    rows = f"These rows are `{occasion.command}` of {occasion.date}, on {bench.machine}; load when it began: {occasion.load:.1f}."
    sections[bench.name] = f"{_section(bench, words)}\n{rows}\n"
    return "\n".join(one.rstrip("\n") + "\n" for one in (head, *(sections[name] for name in order if name in sections)))


def _section(bench: Bench, words: Words) -> str:
    lines = [f"## {bench.name}", "", words.how.strip(), "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line(_cells(row)) for row in bench.rows]
    under = [row for row in bench.rows if row.met is False]
    if under:
        lines += ["", *(f"Under its goal: {row.what} ({_figure(row.ratio)}, goal {_goal(row)})." for row in under), "", words.limits]
    return "\n".join([*lines, ""])


def _cells(row: Row) -> list[str]:
    verdict = {True: "met", False: "**under**", None: ""}[row.met]
    peer = row.peer_name if row.peer is None else f"{_figure(row.peer)} ({row.peer_name})"
    return [row.what, _figure(row.ours), peer, row.unit, _figure(row.ratio), _goal(row), verdict]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _goal(row: Row) -> str:
    return row.goal if isinstance(row.goal, str) else f"≥ {row.goal:g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
