"""Runs on a cluster: a driver Job does there what the command does on one machine.

The driver's Job owns the stages' Jobs. Its pod may be killed at any moment: the next one looks
and goes on. The command only submits and watches; ending it ends nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from common.errors import DarkroomError, ExitCode, Refused
from common.records import Driver, Run
from common.store import Store, open_store
from jobs.controller import graph, runs, settings, submission
from jobs.controller.drive import Drive
from jobs.controller.kubernetes import Api, ClusterRefused, KubernetesLauncher, connect, put_job
from jobs.controller.mirror import Resource
from jobs.controller.observe import Observer
from jobs.controller.render import driver_name, render_driver
from jobs.controller.runs import Known
from jobs.controller.site import SITE_MAP, Site, on_cluster
from jobs.controller.view import Lines, PlainView, open_view

NODES = 2
LOOK_EVERY_S = 1.0


def read_site(api: Api) -> Site:
    """Read the site's settings from the ConfigMap that the chart makes. Raises Refused."""
    try:
        data = api.read_configuration(SITE_MAP)
    except ClusterRefused as error:
        raise Refused(
            f"The namespace {api.namespace} has no ConfigMap {SITE_MAP} that can be read ({error}) Install the chart first."
        ) from error
    return on_cluster(data.get("site.yaml", ""))


def open_site_store(site: Site, environment: Mapping[str, str]) -> Store:
    """Open the site's store from outside: by the person's own environment where that says how."""
    chosen = {**site.environment, **{name: environment[name] for name in site.environment if environment.get(name)}}
    return open_store(chosen["DARKROOM_STORE"], chosen.get("DARKROOM_S3_ENDPOINT"))


def submit(api: Api, site: Site, store: Store, dataset: str, source: str, assignments: Sequence[str], nodes: int | None) -> Known:
    """Submit a request to the cluster and watch it to its end; Ctrl-C ends the watching only."""
    steps = graph.load()
    resolved = settings.read(steps, dataset, assignments, source)
    if settings.source_kind(resolved.values) == "folder":
        raise Refused("Pods cannot read a folder of this machine. Runs on a cluster take `rendered` and `digits` so far.")
    prepared = submission.prepare(store, steps, dataset, resolved)
    run, new = submission.attach_or_create(store, prepared, nodes or NODES, driver_of)
    if new:
        start(api, site, store, run)
    return follow(api, store, run)


def driver_of(run: str) -> Driver:
    """Return the driver of a run on a cluster: its Job, whichever pod works for it."""
    return Driver(host=driver_name(run), pid=0, started="")


def start(api: Api, site: Site, store: Store, run: Run) -> None:
    """Create the driver's Job; where that fails, the run ends as failed."""
    try:
        put_job(api, render_driver(run, site))
    except DarkroomError as error:
        runs.end(store, run.run, runs.FAILED, f"The driver's Job could not be created. {error}", writer="submit")
        raise


def follow(api: Api, store: Store, run: Run) -> Known:
    """Show a run until it has ended."""
    steps = graph.load()
    launcher = KubernetesLauncher(api, run.run)
    view = open_view(store, run.run, steps)
    observe = Observer(store, launcher, run, steps)
    try:
        while (known := runs.read(store, run.run)).condition == runs.RUNNING:
            view(observe({name: record for name, record in known.records.items() if record.state == runs.DONE}))
            launcher.wait(LOOK_EVERY_S)
    except KeyboardInterrupt:
        print(f"\nThe run goes on. `darkroom status {run.run}` tells how it is, `darkroom cancel {run.run}` ends it.", file=sys.stderr)
    finally:
        view.close()
        launcher.close()
    return runs.read(store, run.run)


def drive(store: Store, name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Be a run's driver, in the pod of its Job; return the exit code: a run that failed is a driver that did its work."""
    try:
        _drive(store, name, environment)
    except DarkroomError as error:
        print(error, flush=True)
        return error.exit_code
    return ExitCode.DONE


def _drive(store: Store, name: str, environment: Mapping[str, str]) -> None:
    known = runs.read(store, name)
    if known.condition not in (runs.RUNNING, runs.INTERRUPTED):
        return  # an earlier pod came so far
    api, run, steps = connect(), known.run, graph.load()
    owner = owner_reference(api.read_job(environment[runs.DRIVER]))
    launcher = KubernetesLauncher(api, name, owner)
    view = PlainView(Lines(store, name, steps), sys.stdout)
    try:
        Drive(store, launcher, run, read_site(api), steps, watch=view)()
    finally:
        view.close()
        launcher.close()


def owner_reference(job: Resource) -> Resource:
    """Return what makes a Job the owner of others: they go when it does."""
    return {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
