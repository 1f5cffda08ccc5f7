"""Every error Darkroom raises on purpose, and the exit code each family carries.

DarkroomError
├── Retryable (10): the same call may succeed later
│   └── StoreUnavailable      the store did not answer, or answered "later"
│       └── StoreThrottled    the store asked for a pause (it may say how long)
├── Permanent (20): trying again changes nothing
│   ├── Damaged               a stored part is missing or is not what its manifest says
│   ├── BadInput              the pictures, labels or artifacts cannot be used as they are
│   ├── BadParameters         a value a person wrote is unknown, of the wrong type or out of range
│   ├── NewerSchema           a document was written by a newer Darkroom
│   ├── OtherCode             this image was built from other code than the plan was made for
│   ├── StoreRefused          the store answered, and the answer is no
│   │   ├── NotFound
│   │   ├── AlreadyExists     a conditional create met an object
│   │   ├── PreconditionFailed  the object is not the version that was to be replaced
│   │   ├── AccessDenied
│   │   ├── BucketMissing
│   │   └── StoreFull
│   ├── Overtaken             another run made meanwhile what this one was to make
│   ├── Nondeterministic      a repair gave other content than the artifact it replaces
│   └── UnsafeStore           the store let two writers win
├── Stopped (30)
│   ├── Cancelled             a person asked for it
│   └── Superseded            another writer took over
├── Usage (2): the command line asks for something that is not there
│   ├── UnknownRun
│   └── UnknownName
└── Refused (3): preflight found a reason not to start

A message says what happened, to which thing, and what to do next. A process ends with its
error's `exit_code`; the controller and podFailurePolicy read nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a stage's process may end with (design §2)."""

    DONE = 0
    RETRY = 10
    FINAL = 20
    STOPPED = 30


class DarkroomError(Exception):
    """Base of all expected errors."""

    exit_code: int = ExitCode.FINAL


class Retryable(DarkroomError):
    """The same call may succeed later; who refused it may have said after how many seconds."""

    exit_code = ExitCode.RETRY

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailable(Retryable):
    """The store did not answer, or answered that it cannot now."""


class StoreThrottled(StoreUnavailable):
    """The store asked for a pause."""


class Permanent(DarkroomError):
    """Trying again changes nothing."""


class Damaged(Permanent):
    """A stored part is missing or is not what its manifest says; the controller has its step made again."""

    def __init__(self, message: str, *, step: str, key: str) -> None:
        super().__init__(message)
        self.step = step
        self.key = key


class BadInput(Permanent):
    """The pictures, labels or artifacts cannot be used as they are."""


class BadParameters(Permanent):
    """One or more values that a person wrote are wrong; the message lists all of them."""


class NewerSchema(Permanent):
    """A stored document was written by a newer Darkroom."""


class OtherCode(Permanent):
    """The process holds other code than the plan was made for."""


class StoreRefused(Permanent):
    """The store answered, and the answer is no."""


class NotFound(StoreRefused):
    """There is no such object."""


class AlreadyExists(StoreRefused):
    """A conditional create met an object."""


class PreconditionFailed(StoreRefused):
    """The object is not the version that was to be replaced."""


class AccessDenied(StoreRefused):
    """The store knows us and says no, or does not know us."""


class BucketMissing(StoreRefused):
    """The bucket or the store's folder is not there."""


class StoreFull(StoreRefused):
    """There is no room left."""


class Overtaken(Permanent):
    """Another run made meanwhile what this one was to make."""


class Nondeterministic(Permanent):
    """A repair gave other content than the artifact that it was to replace."""


class UnsafeStore(Permanent):
    """The store let two writers win a conditional write."""


class Stopped(DarkroomError):
    """Ended on purpose by something outside the work."""

    exit_code = ExitCode.STOPPED


class Cancelled(Stopped):
    """A person asked for it."""


class Superseded(Stopped):
    """Another writer took over."""


class Usage(DarkroomError):
    """The command line asks for something that is not there."""

    exit_code = 2


class UnknownRun(Usage):
    """No run has this name."""


class UnknownName(Usage):
    """No stage, parameter or dataset has this name."""


class Refused(DarkroomError):
    """Preflight found a reason not to start."""

    exit_code = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean X?" for the nearest known name, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""
