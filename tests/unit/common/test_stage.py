"""The wish that a process ends: at once, or where the work can stop."""

from __future__ import annotations

import pytest

from common.stage import Stopping


def test_it_ends_at_once_where_nothing_holds_it() -> None:
    with pytest.raises(SystemExit, match="143"):
        Stopping().ask(15)


def test_work_that_holds_it_comes_to_its_place_first() -> None:
    stopping, done = Stopping(), []

    def work() -> None:
        with stopping.held():
            stopping.ask(15)
            done.append(stopping.asked)

    with pytest.raises(SystemExit, match="143"):
        work()
    assert done == [143]
    with pytest.raises(SystemExit):
        stopping.ask(15)


def test_an_error_inside_goes_before_the_wish() -> None:
    stopping = Stopping()

    def work() -> None:
        with stopping.held():
            stopping.ask(15)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        work()
