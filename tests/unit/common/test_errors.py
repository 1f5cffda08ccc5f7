"""The error tree: what stands in the docstring is what is there."""

from __future__ import annotations

import inspect
import re

import pytest

from common import errors


def all_errors() -> list[type[errors.DarkroomError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.DarkroomError)]


def test_the_docstring_s_tree_names_every_error_once() -> None:
    named = re.findall(r"[│├└ ]+── (\w+)", errors.__doc__ or "")
    assert sorted(named) == sorted(kind.__name__ for kind in all_errors() if kind is not errors.DarkroomError)


def test_the_docstring_s_indentation_is_the_inheritance() -> None:
    parents: dict[int, str] = {0: "DarkroomError"}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]+)── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            parents[depth] = found[2]
            assert getattr(errors, found[2]).__bases__[0].__name__ == parents[depth - 1]


@pytest.mark.parametrize(
    ("kind", "code"), [(errors.Retryable, 10), (errors.Permanent, 20), (errors.Stopped, 30), (errors.Usage, 2), (errors.Refused, 3)]
)
def test_each_family_has_its_exit_code(kind: type[errors.DarkroomError], code: int) -> None:
    family = [one for one in all_errors() if issubclass(one, kind)]
    assert family
    assert {int(one.exit_code) for one in family} == {code}


def test_the_nearest_name_is_suggested_whatever_its_case() -> None:
    assert errors.did_you_mean("svm_cvals", ["svm_CVals", "other"]) == " Did you mean 'svm_CVals'?"
    assert errors.did_you_mean("zzz", ["svm_CVals"]) == ""
