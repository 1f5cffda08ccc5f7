"""The contract: what a stage is, and what its work may see.

A room under `jobs/` declares a `Stage` in `spec.py` (data only, nothing heavy is imported) and
does the work in `stage.py`, as functions of a `Work`. A step is one Job: its output is one
artifact, a function of declared inputs and parameters. The harness does everything else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from common.errors import BadInput
from common.parameters import Parameter, Values

if TYPE_CHECKING:
    from common.artifact import Artifact, Draft, UnitReader
    from common.progress import Reporter
    from common.uploads import Uploads


def always(_: Values) -> bool:
    return True


@dataclass(frozen=True)
class Input:
    """An artifact that a step reads.

    `source` is the step that makes it, or `run/NAME` for one that was frozen when the run
    began; `when` says for which settings it is read at all. An `optional` one may not exist.
    """

    name: str
    source: str
    when: Callable[[Values], bool] = always
    optional: bool = False


@dataclass(frozen=True)
class Step:
    """One Job of a stage.

    `parameters` names the settings that can change its output, given all settings: nothing
    else enters the key. `fan_out` names the input on whose units the Job's indexes work.
    """

    name: str
    summary: str
    inputs: tuple[Input, ...] = ()
    parameters: Callable[[Values], tuple[str, ...]] = lambda _: ()
    fan_out: str = ""


@dataclass(frozen=True)
class Resources:
    """What one pod asks for; GPUs only where the site has some."""

    cpu: str = "1"
    memory: str = "1Gi"
    scratch: str = "2Gi"
    gpus: int = 0


@dataclass(frozen=True)
class Stage:
    """A room: its steps in order, its parameters, and what its code digest covers.

    `values` are the modules of `common` whose behaviour defines this stage's output; together
    with the room's own files and the locks of its extra and of `extras` they make the code digest. `internet`: it meets other people's
    servers. `needs` says what a pod asks for given the settings of its step, where that is not always `resources`. `lighter` says, as a
    sentence, with which settings it needs less memory.
    """

    name: str
    summary: str
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...] = ()
    values: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    resources: Resources = Resources()
    needs: Callable[[Values], Resources] | None = None
    check: Callable[[Values], list[str]] = lambda _: []
    deadline_s: int = 6 * 3600
    retries: int = 3
    internet: bool = False
    lighter: str = ""

    def resources_for(self, values: Values) -> Resources:
        """Return what a pod asks for that works by these settings."""
        return self.needs(values) if self.needs else self.resources


class Stopping:
    """The wish that this process ends (SIGTERM). It interrupts at once, but inside `held`, where the work looks at `asked` itself."""

    def __init__(self) -> None:
        self.asked = 0
        self._held = False

    def ask(self, signum: int) -> None:
        """Take the wish: raise SystemExit, or only note it."""
        self.asked = 128 + signum
        if not self._held:
            raise SystemExit(self.asked)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let the work come to a place where it can stop."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.asked:
            raise SystemExit(self.asked)


@dataclass
class Work:
    """All that a step's function may see.

    `inputs` holds the artifacts by input name (an optional one that does not exist is not in
    it); `unit` is the piece of the fan-out input to work on; `threads` is the CPU limit.
    `parameters` are those that the step named, no others. `locator` says where the source's
    bytes lie, on this machine or among the `uploads`; what is read there is checked against what was listed.
    `before` is what this work is to make whole again: the artifact as it was committed, of which parts are lost or damaged.
    """

    parameters: Values
    inputs: Mapping[str, Artifact]
    out: Draft
    progress: Reporter
    threads: int = 1
    locator: str = ""
    uploads: Uploads | None = None
    unit: UnitReader | None = None
    log: Callable[[str], None] = field(default=print)
    before: Artifact | None = None
    stopping: Stopping = field(default_factory=Stopping)

    def the_unit(self) -> UnitReader:
        """Return the unit of a fan-out step."""
        if self.unit is None:
            raise BadInput("This step works on units, and was given none.")
        return self.unit


StepFunction = Callable[[Work], None]
