"""The command: quick to start, and every command documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from jobs.controller import cli, cli_shared

ROOT = Path(__file__).resolve().parents[4]
CONTRACT = {
    "submit", "status", "runs", "logs", "explain", "cancel", "resume", "report", "get", "render", "parameters", "doctor",
    "promote", "compare", "gc", "scale", "schedule", "backbone", "lighttable", "predict", "serve",
}  # fmt: skip


def test_the_commands_are_those_of_the_contract() -> None:
    assert {name for name, one in cli.commands.commands.items() if not one.hidden} == CONTRACT


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    command = cli.commands.commands[name]
    assert command.help
    assert f"`{name}`" in (ROOT / "README.md").read_text() or f"`{name} " in (ROOT / "README.md").read_text()
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None)


@pytest.mark.parametrize("words", [["--help"], ["submit", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """What makes a command slow to start is what it imports; so this is held, not a time."""
    script = (
        "import sys\nfrom jobs.controller import cli\n"
        f"try:\n    cli.commands({words!r}, prog_name='darkroom')\n"
        "except SystemExit:\n    pass\n"
        "print('heavy:', sorted({'numpy', 'boto3', 'msgspec', 'yaml', 'PIL', 'pyarrow', 'sklearn', 'rich', 'cv2'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert "heavy: []" in done.stdout


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    cli_shared.print_table(("A", "B"), [("long cell", "x"), ("s", "y")])
    assert capsys.readouterr().out.splitlines() == ["A          B", "long cell  x", "s          y"]
