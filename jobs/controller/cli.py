"""The command `darkroom`. Each command imports what it needs when it is called."""

from __future__ import annotations

import os
import sys

import click

from common.errors import BadInput, BadParameters, DarkroomError, Usage
from jobs import __version__
from jobs.controller.cli_backbone import backbone
from jobs.controller.cli_begin import predict, schedule, submit
from jobs.controller.cli_shared import (
    FAILED,
    as_json,
    document_of,
    driver_trouble,
    finish,
    open_store,
    pick,
    print_json,
    print_table,
    shorten,
    show,
)

WRONG_USAGE, REFUSED = 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="darkroom")
def commands() -> None:
    """Turn pictures into a tested, served image classifier.

    `darkroom submit fashionTexture` runs everything. DARKROOM_STORE says where results lie
    (default: ~/.darkroom/store).
    """


def main() -> None:
    """Run the command; every expected error becomes one message and an exit code (design §6)."""
    try:
        commands(prog_name="darkroom")
    except DarkroomError as error:
        for line in str(error).splitlines():
            print(f"darkroom: {line}", file=sys.stderr)
        sys.exit(WRONG_USAGE if isinstance(error, Usage | BadParameters) else REFUSED)


@commands.command()
@click.argument("run", required=False, default="")
@as_json
def status(run: str, as_json: bool) -> None:
    """Show a run (or a dataset's newest; default: the newest of all)."""
    store = open_store()
    known = pick(store, run)
    if as_json:
        print_json(document_of(store, known))
    else:
        show(store, known)


@commands.command()
@click.argument("dataset", required=False, default="")
@as_json
def runs(dataset: str, as_json: bool) -> None:
    """List runs, oldest first."""
    from jobs.controller import history
    from jobs.controller import runs as documents

    store = open_store()
    found = []
    for _, name in documents.names(store, dataset):
        try:
            found.append(document_of(store, documents.read(store, name)))
        except BadInput as error:
            click.echo(f"{name} is left out: {error}", err=True)
    if as_json:
        print_json({"runs": found})
    elif not found:
        click.echo("There are no runs yet.")
    else:
        print_table(("RUN", "BY", "STATE", "ACCURACY", "TREND", "", "REASON"), history.table(store, found))


@commands.command()
@click.argument("run", required=False, default="")
@click.argument("stage", required=False, default="")
def logs(run: str, stage: str) -> None:
    """Show what the stages of a run said (or one stage)."""
    from common import log
    from jobs.controller import graph

    store = open_store()
    known = pick(store, run)
    steps = graph.load(known.run.goal)
    for one in [steps.stage(stage)] if stage else steps.stages:
        for step in one.steps:
            for index, text in log.read(store, known.run.run, step.name):
                for line in text.decode(errors="replace").splitlines():
                    click.echo(f"{step.name}[{index}] {line}")


@commands.command()
@click.argument("run", required=False, default="")
@click.argument("stage", required=False, default="")
@as_json
def explain(run: str, stage: str, as_json: bool) -> None:
    """Say why each step of a run ran or was cached: which component of its key changed."""
    from jobs.controller import act

    store = open_store()
    known = pick(store, run)
    found = act.explain(store, known, stage)
    held = driver_trouble(known)
    if as_json:
        print_json({"run": known.run.run, "driver": held, "steps": found})
    else:
        print_table(("STEP", "WHY"), [*([("driver", f"waits: {held}")] if held else []), *found.items()])
        if known.state and known.state.reason:
            click.echo(f"\n{known.run.run} {known.condition}: {known.state.reason}")


@commands.command()
@click.argument("run")
def cancel(run: str) -> None:
    """End a run; what it has finished stays."""
    from jobs.controller import act

    click.echo(act.cancel(open_store(), pick(open_store(), run)))


@commands.command()
@click.argument("run")
@click.argument("nodes", type=click.IntRange(1, 1000))
def scale(run: str, nodes: int) -> None:
    """Change how many pods or processes a running run works with at once."""
    from jobs.controller import act

    store = open_store()
    click.echo(act.scale(store, pick(store, run), nodes))


@commands.command()
@click.argument("run")
@as_json
def resume(run: str, as_json: bool) -> None:
    """Go on with a run that was interrupted, cancelled, or failed."""
    from jobs.controller import act

    store = open_store()
    finish(store, act.resume(store, pick(store, run)), as_json)


@commands.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--output", type=click.Path(dir_okay=False), default=None, help="Write a page with the pictures that changed to this file.")
@as_json
def compare(runs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Compare the first run with the others on the same test pictures: difference with interval, what changed."""
    from pathlib import Path

    from common import compare as comparing

    if len(runs) < 2:
        raise Usage("Name two runs or more to compare.")
    store = open_store()
    known = [pick(store, run) for run in runs]
    pairs = comparing.compare(store, known)
    if output:
        Path(output).write_bytes(comparing.page(store, known[0], pairs))
    if as_json:
        print_json(comparing.document(pairs))
        return
    for pair in pairs:
        click.echo(comparing.sentence(pair))
        for line in [*pair.settings, *pair.inputs]:
            click.echo(f"    {line}")
        for one in pair.changed:
            click.echo(f"    {'mended' if one.mended else 'broken'}  {one.name} ({one.label}): {one.before} -> {one.after}")


@commands.command()
@click.argument("run")
@click.option("--pin/--no-pin", default=False, help="Keep it whatever later runs find.")
@click.option("--unpin", is_flag=True, help="Let later runs replace what serves now.")
@click.option("--rollback", is_flag=True, help="Go back to the model that served before, and pin it.")
def promote(run: str, pin: bool, unpin: bool, rollback: bool) -> None:
    """Let a run's model serve (a dataset's newest run, if a dataset is named), or change what serves."""
    from jobs.controller import act

    store = open_store()
    known = pick(store, run)
    if rollback:
        click.echo(act.roll_back(store, known.run.dataset))
    elif unpin:
        click.echo(act.pin(store, known.run.dataset, pinned=False))
    else:
        click.echo(act.promote(store, known, pin=pin))


@commands.command()
@click.argument("run", required=False, default="")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.option("--output", type=click.Path(dir_okay=False), default=None, help="Write it to this file.")
def report(run: str, open_it: bool, output: str | None) -> None:
    """Show where a run's report is, write it to a file, or open it."""
    from jobs.controller import act

    store = open_store()
    path = act.fetch_report(store, pick(store, run), output)
    click.echo(path)
    if open_it and click.launch(path):
        click.echo("No browser could be started; open the file above.", err=True)


@commands.command()
@click.argument("run")
@click.argument("stage")
@click.argument("folder", required=False, default="")
def get(run: str, stage: str, folder: str) -> None:
    """Write the files that a stage of a run made to a folder (default: ./RUN-STAGE)."""
    from jobs.controller import act

    store = open_store()
    target, count = act.fetch_files(store, pick(store, run), stage, folder)
    click.echo(f"{count} files in {target}")


@commands.command()
@click.argument("run", required=False, default="")
@click.argument("stage", required=False, default="")
def render(run: str, stage: str) -> None:
    """Print the Kubernetes Jobs of a run, as they were or would be created."""
    import yaml

    from jobs.controller import act

    store = open_store()
    jobs = act.rendered(store, pick(store, run), stage)
    click.echo(yaml.safe_dump_all(jobs, sort_keys=False), nl=False)


@commands.command()
@click.argument("name", required=False, default="")
@as_json
def parameters(name: str, as_json: bool) -> None:
    """List all settings: name, default, unit, the original's name, and what it does."""
    from jobs.controller import act

    found = act.parameters(name)
    if as_json:
        print_json({"parameters": found})
        return
    for one in found:
        unit = f" {one['unit']}" if one["unit"] else ""
        aliases = f"   (also {', '.join(one['aliases'])})" if one["aliases"] else ""
        click.echo(f"{one['name']} = {shorten(one['default'])}{unit}{aliases}")
        click.echo(click.wrap_text(one["help"], width=96, initial_indent="    ", subsequent_indent="    "))


@commands.command()
@click.argument("dataset")
@click.option("--host", default="127.0.0.1", show_default=True, help="Which address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Which port (0: any that is free).")
def lighttable(dataset: str, host: str, port: int) -> None:
    """Show a dataset's pictures, results and runs in a browser, and take people's words on them."""
    _become("jobs.lighttable", dataset, "--host", host, "--port", str(port))


@commands.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def serve(words: tuple[str, ...]) -> None:
    """Let a dataset's model answer over HTTP; `darkroom serve --help` lists the options."""
    _become("jobs.serve", *words)


def _become(*words: str) -> None:
    """Let a service's process take this one's place."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *words])  # noqa: S606 - this very Python


@commands.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check this installation and the store; each finding says what to do."""
    from jobs.controller.doctor import diagnose

    found = diagnose(open_store())
    if as_json:
        print_json({"checks": found})
    else:
        for one in found:
            click.echo(f"{'ok  ' if one['ok'] else 'BAD '} {one['check']}: {one['finding']}")
    if not all(one["ok"] for one in found):
        sys.exit(FAILED)


@commands.command()
@click.option("--keep-runs", type=click.IntRange(1), default=20, show_default=True, help="Newest runs of each dataset to keep.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def gc(keep_runs: int, dry_run: bool) -> None:
    """Remove runs that are old, and artifacts that nothing needs any more."""
    from jobs.controller.gc import collect

    swept = collect(open_store(), keep_runs, dry_run=dry_run)
    verb = "would go" if dry_run else "are gone"
    what = f"{len(swept.runs)} runs, {len(swept.artifacts)} artifacts and {swept.uploads} uploads"
    click.echo(f"{what} {verb}: {swept.objects} objects, {swept.size / 1e6:.1f} MB.")


@commands.command(hidden=True)
@click.argument("run")
def drive(run: str) -> None:
    """Be a run's driver, in a pod of the driver's Job."""
    from jobs.controller import remote

    sys.exit(remote.drive(open_store(), run))


@commands.command(hidden=True)
@click.argument("dataset")
def drive_scheduled(dataset: str) -> None:
    """Be the driver of a schedule's firing, in a pod of its Job."""
    from jobs.controller import firing

    sys.exit(firing.drive(open_store(), dataset))


for one in (submit, predict, schedule, backbone):
    commands.add_command(one)
