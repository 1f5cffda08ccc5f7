"""Which library trains, and what is said where there is none, or no GPU."""

from __future__ import annotations

import pytest

from common.errors import ExitCode
from jobs.refine.backends import choice


def having(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(choice, "available", lambda name: name in names)


def test_what_is_set_up_is_taken_torch_first(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, "cntk", "torch")
    assert [choice.choose(name) for name in ("auto", "torch", "cntk")] == ["torch", "torch", "cntk"]
    having(monkeypatch, "cntk")
    assert choice.choose("auto") == "cntk"


def test_where_nothing_trains_the_command_that_brings_something_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch)
    with pytest.raises(choice.NoBackend, match="`make torch` or `make cntk` brings one"):
        choice.choose("auto")
    having(monkeypatch, "cntk")
    with pytest.raises(choice.NoBackend, match=r"refine.backend=torch is not set up here: `make torch` brings it"):
        choice.choose("torch")


def test_a_gpu_that_is_required_and_absent_is_final_and_said_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_torch_gpus", lambda: 1)
    assert [choice.gpus("torch", wish, 1) for wish in ("none", "preferred", "required")] == [0, 1, 1]
    assert choice.gpus("torch", "preferred", 4) == 1
    with pytest.raises(choice.NoGpu, match=r"refine.gpuCount=2, and torch sees 1 GPU") as found:
        choice.gpus("torch", "required", 2)
    assert found.value.exit_code == ExitCode.FINAL
    with pytest.raises(choice.NoGpu, match="cntk sees 0 GPU"):
        choice.gpus("cntk", "required", 1)
