"""The cluster for tests, by hand: `python -m tests.cluster up | down | status | stop-node N | start-node N | load IMAGE…`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.cluster import archive, cluster, remains


def main() -> int:
    try:
        return act()
    except cluster.NotOurs as error:
        print(error, file=sys.stderr)
        return 1


def act() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start what does not run yet; print how to reach it")
    commands.add_parser("down", help="end everything and check that nothing is left")
    commands.add_parser("status", help="say what runs")
    for name, text in (("stop-node", "freeze a node's kubelet: the node is lost"), ("start-node", "let it wake up")):
        commands.add_parser(name, help=text).add_argument("number", type=int, choices=range(1, cluster.NODES + 1))
    commands.add_parser("load", help="bring images of this machine's engine to every node").add_argument("images", nargs="+")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("nodes need root: their containers have cgroups, mounts and networks")
    ours = cluster.find()
    if options.command == "up":
        started = time.monotonic()
        ours.up()
        print(f"Both nodes Ready after {time.monotonic() - started:.1f} s. To use it:\n  source {ours.folder / 'environment'}")
    elif options.command == "down":
        ours.down()
        left = remains.look(ours)
        print(left or "Nothing is left.")
        return 1 if left else 0
    elif options.command == "status":
        for name, state in ours.node_states().items() or {"no cluster": "not running"}.items():
            print(f"{name}: {'Ready' if state == 'True' else state}")
    elif options.command == "load":
        ours.check_owner()
        archive.load(ours, options.images)
    else:
        ours.check_owner()
        node = ours.nodes[options.number - 1]
        if options.command == "start-node":
            node.start_kubelet()
        elif not node.freeze():
            print(f"{node.name} does not run", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
