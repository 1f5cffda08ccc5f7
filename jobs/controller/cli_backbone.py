"""The command `darkroom backbone`. Each command imports what it needs when it is called."""

from __future__ import annotations

from typing import Any

import click

from jobs.controller.cli_shared import as_json, open_store, print_json


@click.group()
def backbone() -> None:
    """Add networks to the store that `refine.backbone` may name; list, show or remove them."""


@backbone.command("add")
@click.argument("wish", metavar="resnet18|resnet34|resnet50|timm:NAME|FILE")
@click.option("--name", default="", help="The name to give it (default: the network's or the file's).")
@click.option("--sha256", default="", help="What the file's sha256 must be, or begin with.")
@click.option("--node", default="", help="Where to cut the network (default: before its classifier).")
@click.option(
    "--resolution", type=click.IntRange(8, 2048), default=None, help="Side of the pictures that it sees (default: its own, or 224)."
)
@click.option(
    "--pictures",
    type=click.Choice(["imagenet", "half", "clip", "unit", "cntk"]),
    default=None,
    help="How it expects them: `imagenet` (torchvision's mean and deviation; the default), `half` (-1 to 1), `clip`, `unit` (0 to 1), "
    "`cntk` (BGR, 0 to 255, less 114; the default for .model).",
)
@as_json
def backbone_add(wish: str, name: str, sha256: str, node: str, resolution: int | None, pictures: str | None, as_json: bool) -> None:
    """Add a network to the store: torchvision's by name, timm's where timm is installed, or a file (.onnx, .pth, .model)."""
    from jobs.controller import adding

    made = adding.add(open_store(), wish, adding.Given(name, sha256, node, resolution or 0, pictures or ""))
    if as_json:
        print_json(made)
        return
    _show(made)
    for note in made["notes"]:
        click.echo(f"Note     {note}")
    click.echo(f"Use it   --set refine.backbone={made['name']}")


@backbone.command("list")
@as_json
def backbone_list(as_json: bool) -> None:
    """List the backbones that were added to the store."""
    from jobs.controller import adding, backbones
    from jobs.refine.spec import SHIPPED

    store = open_store()
    found = [adding.document(store, one) for one in backbones.every(store)]
    if as_json:
        print_json({"backbones": found, "shipped": list(SHIPPED)})
        return
    for name in SHIPPED:
        click.echo(f"{name}  comes with Darkroom")
    for one in found:
        click.echo(f"{one['name']}  {one['features']} features, {one['bytes'] / 1e6:.1f} MB, from {one['source']}")


@backbone.command("show")
@click.argument("name")
@as_json
def backbone_show(name: str, as_json: bool) -> None:
    """Show where a backbone came from and how pictures are prepared for it."""
    from jobs.controller import adding, backbones

    store = open_store()
    found = adding.document(store, backbones.read(store, name))
    if as_json:
        print_json(found)
    else:
        _show(found)


@backbone.command("remove")
@click.argument("name")
def backbone_remove(name: str) -> None:
    """Remove a backbone's name; runs that were submitted with it keep it."""
    from jobs.controller import adding

    click.echo(adding.remove(open_store(), name))


def _show(one: dict[str, Any]) -> None:
    click.echo(f"{one['name']}  {one['features']} features of pictures {one['resolution']} pixels wide, {one['bytes'] / 1e6:.1f} MB")
    mean, std = (", ".join(f"{value:g}" for value in one[part]) for part in ("mean", "std"))
    click.echo(f"Pictures {one['colour']} times {one['scale']:g}, less {mean}, over {std}")
    click.echo(f"From     {one['source']}, sha256 {one['sha256']}, added {one['added']}")
    if one["licence"]:
        click.echo(f"Licence  {one['licence']}")
