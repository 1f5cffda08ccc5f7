"""The commands that begin runs: submit, predict, schedule. Each imports what it needs when it is called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from common.errors import Usage
from jobs.controller.cli_shared import as_json, finish, open_cluster, open_store, print_json, print_table, show_forecast

if TYPE_CHECKING:
    from common.store import Store
    from jobs.controller.kubernetes import Api
    from jobs.controller.site import Site


@click.command()
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

    store, environment, cluster = _open(on)
    if plan_only and any(again.values()):
        raise Usage("--plan asks nobody, so it goes with none of --refresh, --retry-failed and --recheck.")
    if plan_only:
        show_forecast(act.forecast(store, dataset, source, assignments, environment), as_json)
        return
    if cluster:
        from jobs.controller import remote

        known = remote.submit(*cluster, store, dataset, source, assignments, nodes, environment, again)
    else:
        known = act.submit(store, dataset, source, assignments, nodes, again)
    finish(store, known, as_json)


@click.command()
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

    store, environment, cluster = _open(on)
    said = [] if threshold is None else [f"predict.threshold={threshold}"]
    wish = predicting.Wish(source, dataset, model, (*assignments, *said))
    prepared = predicting.prepare(store, wish, counting(), environment)
    if plan_only:
        show_forecast(predicting.forecast(store, prepared), as_json)
        return
    if cluster:
        from jobs.controller import remote

        known = remote.run_there(*cluster, store, prepared, nodes)
    else:
        known = act.run_here(store, prepared, nodes)
    if output and known.condition == "done":
        predicting.write(store, known, Path(output))
    finish(store, known, as_json)


@click.command()
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
    api, site, _, store = open_cluster()
    said = []
    if remove:
        said.append(scheduling.remove(api, store, dataset))
    if timing is not None:
        said.append(scheduling.put(api, site, store, dataset, source, assignments, nodes, timing))
    if suspend is not None:
        said.append(scheduling.suspend(api, dataset, suspended=suspend))
    if as_json:
        found = scheduling.documents(api) if remove or not dataset else [scheduling.detail(api, store, dataset)]
        print_json({"schedules": found} if remove or not dataset else found[0])
    elif said:
        click.echo("\n".join(said))
    elif dataset:
        _show_schedule(scheduling.detail(api, store, dataset))
    else:
        _show_schedules(scheduling.documents(api))


def _open(on: str) -> tuple[Store, dict[str, str], tuple[Api, Site] | None]:
    """Return the store, how it is reached from here, and the cluster where the stages are to run (None: here)."""
    if on == "kubernetes":
        api, site, environment, store = open_cluster()
        return store, environment, (api, site)
    return open_store(), dict(os.environ), None


def _show_schedules(found: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("Nothing is scheduled.")
        return
    rows: list[tuple[str, ...]] = [(one["dataset"], one["cron"], one["time_zone"], one["last"] or "never", _next_of(one)) for one in found]
    print_table(("DATASET", "CRON", "ZONE", "LAST", "NEXT"), rows)


def _show_schedule(one: dict[str, Any]) -> None:
    _show_schedules([one])
    if one["firings"]:
        click.echo()
        rows: list[tuple[str, ...]] = [
            (firing["planned"], firing["run"] or "no run", firing["state"] or "", firing["reason"]) for firing in one["firings"]
        ]
        print_table(("PLANNED", "RUN", "STATE", "REASON"), rows)


def _next_of(one: dict[str, Any]) -> str:
    return "suspended" if one["suspended"] else one["next"] or "not known"
