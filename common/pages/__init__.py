"""Pages: one offline HTML file each, in one style; nothing in them runs, and names are escaped."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from common.metrics.intervals import Figure

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import jinja2


def render(template: Traversable, facts: dict[str, Any]) -> bytes:
    """Return a page; the template extends `base.html.j2`."""
    return _environment().from_string(template.read_text(encoding="utf-8")).render(facts).encode()


def percent(value: float) -> str:
    """Write a fraction as a whole percent, with one decimal close to 0 and 100."""
    points = 100 * value
    return f"{points:.1f} %" if 0 < points < 2 or 98 < points < 100 else f"{points:.0f} %"


def points(value: float) -> str:
    """Write a difference of fractions in points, with its sign."""
    return f"{100 * value:+.1f}"


def interval(figure: Figure) -> str:
    """Write a figure's 95 % interval."""
    return f"{percent(figure.low)} to {percent(figure.high)}"


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.PackageLoader("common", "pages"),
    )
    environment.filters |= {"percent": percent, "interval": interval, "points": points}
    return environment
