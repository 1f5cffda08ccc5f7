"""What the commands share: the store, the cluster, a run by its name, and how things are printed."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from common.store import Store
    from jobs.controller.kubernetes import Api
    from jobs.controller.runs import Known
    from jobs.controller.site import Site

FAILED = 1
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def open_store() -> Store:
    from common.store import open_from_environment

    return open_from_environment(os.environ)


def open_cluster() -> tuple[Api, Site, dict[str, str], Store]:
    """Return the namespace that KUBECONFIG is set to, its site, and how its store is reached from here."""
    from common.store import open_from_environment
    from jobs.controller import remote
    from jobs.controller.kubernetes import connect

    api = connect()
    site = remote.read_site(api)
    environment = remote.environment_of(site, os.environ)
    return api, site, environment, open_from_environment(environment)


def pick(store: Store, run: str) -> Known:
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


def driver_trouble(known: Known) -> str:
    if not known.is_with_a_job:
        return ""
    from jobs.controller import remote

    return remote.driver_trouble(known)


def document_of(store: Store, known: Known) -> dict[str, Any]:
    from jobs.controller import history

    return history.document(store, known)


def finish(store: Store, known: Known, as_json: bool) -> None:
    """Print how a run ended and exit as it did."""
    if as_json:
        print_json(document_of(store, known))
    else:
        show(store, known)
    if known.condition != "done":
        sys.exit(FAILED)


def show(store: Store, known: Known) -> None:
    from jobs.controller import history

    one = document_of(store, known)
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


def show_forecast(lines: list[Any], as_json: bool) -> None:
    if as_json:
        print_json({"plan": [vars(line) for line in lines]})
    else:
        print_table(("STEP", "WHAT AND WHY"), [(line.step, str(line)) for line in lines])


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head) - 1)]
    for row in [head, *rows]:
        click.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip())


def shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
