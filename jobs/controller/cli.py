"""The command `darkroom`. Each command imports what it needs when it is called."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from common.errors import BadInput, BadParameters, DarkroomError, Usage
from jobs import __version__
from jobs.controller.cli_backbone import backbone

if TYPE_CHECKING:
    from common.store import Store
    from jobs.controller.kubernetes import Api
    from jobs.controller.runs import Known
    from jobs.controller.site import Site

FAILED, WRONG_USAGE, REFUSED = 1, 2, 3
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


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
@click.argument("dataset")
@click.option(
    "--source",
    default="",
    help="Where the pictures are: a folder of class folders, s3://bucket/prefix, a list of URLs (.tsv, .csv, .parquet), `openverse` …",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting; `darkroom parameters` lists all. May be repeated."
)
@click.option("--nodes", type=click.IntRange(1, 1000), default=None, help="Processes side by side (default: one for each core).")
@click.option("--plan", "plan_only", is_flag=True, help="Show what is cached, what would run, why, and about how long; run nothing.")
@click.option("--on", type=click.Choice(["local", "kubernetes"]), default="local", help="Where the stages run (default: here).")
@click.option("--refresh", "listing", is_flag=True, help="From the web: look for what there is now, though it was asked before.")
@click.option("--retry-failed", "failed", is_flag=True, help="From the web: try pictures again whose failure may have healed.")
@click.option("--recheck", "known", is_flag=True, help="From the web: see whether what is kept is still there and the same.")
@as_json
def submit(
    dataset: str, source: str, assignments: tuple[str, ...], nodes: int | None, plan_only: bool, on: str, as_json: bool, **again: bool
) -> None:
    """Run a dataset from its pictures to a verdict, or go on from what is done already."""
    from jobs.controller import act

    if on == "kubernetes":
        from jobs.controller import remote

        api, site, environment, store = _cluster()
    else:
        store, environment = _store(), dict(os.environ)
    if plan_only and any(again.values()):
        raise Usage("--plan asks nobody, so it goes with none of --refresh, --retry-failed and --recheck.")
    if plan_only:
        _show_forecast(act.forecast(store, dataset, source, assignments, environment), as_json)
        return
    if on == "kubernetes":
        known = remote.submit(api, site, store, dataset, source, assignments, nodes, environment, again)
    else:
        known = act.submit(store, dataset, source, assignments, nodes, again)
    _finish(store, known, as_json)


@commands.command()
@click.argument("source")
@click.option("--dataset", default="", help="Whose serving model scores (default: the only one there is).")
@click.option("--model", default="", metavar="RUN|VERSION", help="Another model than the one that serves.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=None, help="Below this probability a picture is `unknown` (default: 0.5)."
)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting of scrape or predict. May be repeated.")
@click.option("--nodes", type=click.IntRange(1, 1000), default=None, help="Processes side by side (default: one for each core).")
@click.option("--on", type=click.Choice(["local", "kubernetes"]), default="local", help="Where it runs (default: here).")
@click.option(
    "--output", type=click.Path(file_okay=False), default=None, help="Write predictions.csv and predictions.parquet to this folder."
)
@click.option("--plan", "plan_only", is_flag=True, help="Show what is there, what would run, and why; run nothing.")
@as_json
def predict(
    source: str,
    dataset: str,
    model: str,
    threshold: float | None,
    assignments: tuple[str, ...],
    nodes: int | None,
    on: str,
    output: str | None,
    plan_only: bool,
    as_json: bool,
) -> None:
    """Score all pictures of a folder, of s3://bucket/prefix, or of a list of URLs, with a model that is there."""
    from pathlib import Path

    from jobs.controller import act, predicting
    from jobs.controller.view import counting

    if on == "kubernetes":
        from jobs.controller import remote

        api, site, environment, store = _cluster()
    else:
        store, environment = _store(), dict(os.environ)
    said = [] if threshold is None else [f"predict.threshold={threshold}"]
    wish = predicting.Wish(source, dataset, model, (*assignments, *said))
    prepared = predicting.prepare(store, wish, counting(), environment)
    if plan_only:
        _show_forecast(predicting.forecast(store, prepared), as_json)
        return
    known = remote.run_there(api, site, store, prepared, nodes) if on == "kubernetes" else act.run_here(store, prepared, nodes)
    if output and known.condition == "done":
        predicting.write(store, known, Path(output))
    _finish(store, known, as_json)


@commands.command()
@click.argument("dataset", required=False, default="")
@click.option("--cron", default="", help="When to run: minute, hour, day, month, weekday, as in '0 3 * * 1'.")
@click.option("--time-zone", default="Etc/UTC", show_default=True, help="The zone that the times are in, as in Europe/Madrid.")
@click.option(
    "--source", default="", help="Where the pictures are: s3://bucket/prefix (or a list of URLs in it), `openverse`, `rendered` …"
)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting. May be repeated.")
@click.option("--nodes", type=click.IntRange(1, 1000), default=None, help="Pods side by side (default: 2).")
@click.option("--deadline", default="6h", show_default=True, help="A run that takes longer is ended.")
@click.option("--starting-deadline", default="1h", show_default=True, help="How late a run may begin; one that is later is left out.")
@click.option("--suspend/--unsuspend", default=None, help="Let it rest, or go on.")
@click.option("--remove", is_flag=True, help="End the schedule; its runs stay.")
@as_json
def schedule(
    dataset: str,
    cron: str,
    time_zone: str,
    source: str,
    assignments: tuple[str, ...],
    nodes: int | None,
    deadline: str,
    starting_deadline: str,
    suspend: bool | None,
    remove: bool,
    as_json: bool,
) -> None:
    """Retrain a dataset on a cluster by a schedule: make one, change it, show it, or list all."""
    from jobs.controller import schedule as scheduling

    if not dataset and (cron or remove or suspend is not None):
        raise Usage("Name the dataset that is to be scheduled.")
    if (source or assignments or nodes) and not cron:
        raise Usage("Settings belong to a schedule: say when it is to run, with --cron.")
    if remove and (cron or suspend is not None):
        raise Usage("--remove ends the schedule; leave out --cron and --suspend.")
    timing = scheduling.read_timing(cron, time_zone, deadline, starting_deadline) if cron else None
    api, site, _, store = _cluster()
    said = []
    if remove:
        said.append(scheduling.remove(api, store, dataset))
    if timing is not None:
        said.append(scheduling.put(api, site, store, dataset, source, assignments, nodes, timing))
    if suspend is not None:
        said.append(scheduling.suspend(api, dataset, suspended=suspend))
    if as_json:
        found = scheduling.documents(api) if remove or not dataset else [scheduling.detail(api, store, dataset)]
        _print_json({"schedules": found} if remove or not dataset else found[0])
    elif said:
        click.echo("\n".join(said))
    elif dataset:
        _show_schedule(scheduling.detail(api, store, dataset))
    else:
        _show_schedules(scheduling.documents(api))


@commands.command()
@click.argument("run", required=False, default="")
@as_json
def status(run: str, as_json: bool) -> None:
    """Show a run (or a dataset's newest; default: the newest of all)."""
    store = _store()
    known = _pick(store, run)
    if as_json:
        _print_json(_document(store, known))
    else:
        _show(store, known)


@commands.command()
@click.argument("dataset", required=False, default="")
@as_json
def runs(dataset: str, as_json: bool) -> None:
    """List runs, oldest first."""
    from jobs.controller import history
    from jobs.controller import runs as documents

    store = _store()
    found = []
    for _, name in documents.names(store, dataset):
        try:
            found.append(_document(store, documents.read(store, name)))
        except BadInput as error:
            click.echo(f"{name} is left out: {error}", err=True)
    if as_json:
        _print_json({"runs": found})
    elif not found:
        click.echo("There are no runs yet.")
    else:
        _print_table(("RUN", "BY", "STATE", "ACCURACY", "TREND", "", "REASON"), history.table(store, found))


@commands.command()
@click.argument("run", required=False, default="")
@click.argument("stage", required=False, default="")
def logs(run: str, stage: str) -> None:
    """Show what the stages of a run said (or one stage)."""
    from common import log
    from jobs.controller import graph

    store = _store()
    known = _pick(store, run)
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

    store = _store()
    known = _pick(store, run)
    found = act.explain(store, known, stage)
    held = _driver_trouble(known)
    if as_json:
        _print_json({"run": known.run.run, "driver": held, "steps": found})
    else:
        _print_table(("STEP", "WHY"), [*([("driver", f"waits: {held}")] if held else []), *found.items()])
        if known.state and known.state.reason:
            click.echo(f"\n{known.run.run} {known.condition}: {known.state.reason}")


@commands.command()
@click.argument("run")
def cancel(run: str) -> None:
    """End a run; what it has finished stays."""
    from jobs.controller import act

    click.echo(act.cancel(_store(), _pick(_store(), run)))


@commands.command()
@click.argument("run")
@click.argument("nodes", type=click.IntRange(1, 1000))
def scale(run: str, nodes: int) -> None:
    """Change how many pods or processes a running run works with at once."""
    from jobs.controller import act

    store = _store()
    click.echo(act.scale(store, _pick(store, run), nodes))


@commands.command()
@click.argument("run")
@as_json
def resume(run: str, as_json: bool) -> None:
    """Go on with a run that was interrupted, cancelled, or failed."""
    from jobs.controller import act

    store = _store()
    _finish(store, act.resume(store, _pick(store, run)), as_json)


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
    store = _store()
    known = [_pick(store, run) for run in runs]
    pairs = comparing.compare(store, known)
    if output:
        Path(output).write_bytes(comparing.page(store, known[0], pairs))
    if as_json:
        _print_json(comparing.document(pairs))
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

    store = _store()
    known = _pick(store, run)
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

    store = _store()
    path = act.fetch_report(store, _pick(store, run), output)
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

    store = _store()
    target, count = act.fetch_files(store, _pick(store, run), stage, folder)
    click.echo(f"{count} files in {target}")


@commands.command()
@click.argument("run", required=False, default="")
@click.argument("stage", required=False, default="")
def render(run: str, stage: str) -> None:
    """Print the Kubernetes Jobs of a run, as they were or would be created."""
    import yaml

    from jobs.controller import act

    store = _store()
    jobs = act.rendered(store, _pick(store, run), stage)
    click.echo(yaml.safe_dump_all(jobs, sort_keys=False), nl=False)


@commands.command()
@click.argument("name", required=False, default="")
@as_json
def parameters(name: str, as_json: bool) -> None:
    """List all settings: name, default, unit, the original's name, and what it does."""
    from jobs.controller import act

    found = act.parameters(name)
    if as_json:
        _print_json({"parameters": found})
        return
    for one in found:
        unit = f" {one['unit']}" if one["unit"] else ""
        aliases = f"   (also {', '.join(one['aliases'])})" if one["aliases"] else ""
        click.echo(f"{one['name']} = {_shorten(one['default'])}{unit}{aliases}")
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

    found = diagnose(_store())
    if as_json:
        _print_json({"checks": found})
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

    swept = collect(_store(), keep_runs, dry_run=dry_run)
    verb = "would go" if dry_run else "are gone"
    what = f"{len(swept.runs)} runs, {len(swept.artifacts)} artifacts and {swept.uploads} uploads"
    click.echo(f"{what} {verb}: {swept.objects} objects, {swept.size / 1e6:.1f} MB.")


@commands.command(hidden=True)
@click.argument("run")
def drive(run: str) -> None:
    """Be a run's driver, in a pod of the driver's Job."""
    from jobs.controller import remote

    sys.exit(remote.drive(_store(), run))


@commands.command(hidden=True)
@click.argument("dataset")
def drive_scheduled(dataset: str) -> None:
    """Be the driver of a schedule's firing, in a pod of its Job."""
    from jobs.controller import firing

    sys.exit(firing.drive(_store(), dataset))


commands.add_command(backbone)

# --- shared ---------------------------------------------------------------------------------


def _store() -> Store:
    from common.store import open_from_environment

    return open_from_environment(os.environ)


def _cluster() -> tuple[Api, Site, dict[str, str], Store]:
    """Return the namespace that KUBECONFIG is set to, its site, and how its store is reached from here."""
    from common.store import open_from_environment
    from jobs.controller import remote
    from jobs.controller.kubernetes import connect

    api = connect()
    site = remote.read_site(api)
    environment = remote.environment_of(site, os.environ)
    return api, site, environment, open_from_environment(environment)


def _pick(store: Store, run: str) -> Known:
    """Return a run by name, or the newest of a dataset, or the newest of all."""
    from common.errors import UnknownRun
    from jobs.controller import runs as documents

    if not run or (documents.names(store, run) and "/" not in run):
        names = documents.names(store, run)
        if not names:
            raise UnknownRun(f"There are no runs in {store.url} yet.")
        run = names[-1][1]
    known = documents.read(store, run)
    if known.is_with_a_job:
        from jobs.controller import remote

        return remote.look(store, known)
    return known


def _driver_trouble(known: Known) -> str:
    if not known.is_with_a_job:
        return ""
    from jobs.controller import remote

    return remote.driver_trouble(known)


def _document(store: Store, known: Known) -> dict[str, Any]:
    from jobs.controller import history

    return history.document(store, known)


def _finish(store: Store, known: Known, as_json: bool) -> None:
    """Print how a run ended and exit as it did."""
    if as_json:
        _print_json(_document(store, known))
    else:
        _show(store, known)
    if known.condition != "done":
        sys.exit(FAILED)


def _show(store: Store, known: Known) -> None:
    from jobs.controller import history

    one = _document(store, known)
    click.echo(f"\n{one['run']}  {one['state']}{': ' if one['reason'] else ''}{one['reason']}")
    if one["trigger"] != "submit":
        click.echo(f"By {one['trigger']}")
    for stage in one["stages"]:
        words = "cached" if stage["cached"] else stage["state"]
        size = f"{stage['items']} items in {stage['seconds']:.1f} s" if stage["state"] == "done" and not stage["cached"] else ""
        click.echo(f"  {stage['name']:10} {words:9} {size}{stage['reason'] if stage['state'] == 'failed' else ''}")
    for warning in one["warnings"]:
        click.echo(f"Warning  {warning}")
    test = one["metrics"]["test"]
    if test:
        click.echo(f"Accuracy {history.percent_interval(test['accuracy'])} on {one['source']}, {one['scoring']}, 95 % interval")
        others = one["metrics"].get("unsuspicious")
        if others and others != test:
            click.echo(f"         {history.percent_interval(others['accuracy'])} without the suspicious pictures (the report shows them)")
    if one["edits"]["new"]:
        click.echo(f"Edits    {one['edits']['new']} since the last run")
    if one["report"]:
        click.echo(f"Report   {one['report']}")
    if one["predictions"]:
        click.echo(f"Table    {one['predictions']['csv']}\n         {one['predictions']['parquet']}")
    if one["attribution"]:
        click.echo(f"Credits  {one['attribution']}")
    if one["state"] in ("failed", "interrupted", "cancelled"):
        click.echo(f"Next     darkroom logs {one['run']}   ·   darkroom resume {one['run']}")


def _show_forecast(lines: list[Any], as_json: bool) -> None:
    if as_json:
        _print_json({"plan": [vars(line) for line in lines]})
    else:
        _print_table(("STEP", "WHAT AND WHY"), [(line.step, str(line)) for line in lines])


def _show_schedules(found: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("Nothing is scheduled.")
        return
    rows: list[tuple[str, ...]] = [(one["dataset"], one["cron"], one["time_zone"], one["last"] or "never", _next_of(one)) for one in found]
    _print_table(("DATASET", "CRON", "ZONE", "LAST", "NEXT"), rows)


def _show_schedule(one: dict[str, Any]) -> None:
    _show_schedules([one])
    if one["firings"]:
        click.echo()
        rows: list[tuple[str, ...]] = [
            (firing["planned"], firing["run"] or "no run", firing["state"] or "", firing["reason"]) for firing in one["firings"]
        ]
        _print_table(("PLANNED", "RUN", "STATE", "REASON"), rows)


def _next_of(one: dict[str, Any]) -> str:
    return "suspended" if one["suspended"] else one["next"] or "not known"


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def _print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head) - 1)]
    for row in [head, *rows]:
        click.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip())


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
