"""What goes into which image, decided without any engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from images import build
from images.build import Image


def everything_in(image: Image, images: dict[str, Image]) -> dict[str, str]:
    """What an image adds, and all that it stands on."""
    below = everything_in(images[image.parent], images) if image.parent else {}
    assert not set(below) & set(image.adds), "a library would be there twice"
    return {**below, **image.adds}


@pytest.mark.parametrize("room", build.rooms())
def test_a_room_and_its_shelves_hold_exactly_what_its_lock_says(room: str) -> None:
    images = {image.name: image for image in build.plan("cpu")}
    assert everything_in(images[room], images) == build.entries(build.ROOT / "locks" / f"{room}.txt")


def test_every_stage_and_the_controller_have_an_image() -> None:
    assert {"scrape", "dedup", "refine", "featurize", "train", "evaluate", "gate", "serve", "controller"} <= set(build.rooms())
    assert [image.name for image in build.plan("cpu") if image.is_room] == build.rooms()


def test_the_classifier_s_image_has_no_library_of_pictures() -> None:
    images = {image.name: image for image in build.plan("cpu")}
    assert not {"opencv-python-headless", "pillow"} & set(everything_in(images["train"], images))


def test_of_two_versions_in_a_lock_the_one_for_the_images_python_counts(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:old\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:new\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:other\n"
        "click==8.5.1 \\\n    --hash=sha256:one \\\n    --hash=sha256:two\n"
    )
    found = build.entries(lock)
    assert set(found) == {"numpy", "click"}
    assert "sha256:old" in found["numpy"]
    assert "sha256:new" not in found["numpy"]
    assert found["click"].count("--hash") == 2


def test_a_lock_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("click>=8\n")
    with pytest.raises(build.CannotBuild, match="click>=8"):
        build.entries(lock)


@pytest.mark.parametrize("room", ["refine", "featurize", "evaluate", "gate"])
def test_an_accelerator_s_runtime_takes_the_place_of_the_other(room: str) -> None:
    found = build.needed(room, "cuda")
    assert "onnxruntime-gpu" in found
    assert "onnxruntime" not in found
    assert found["numpy"] == build.needed(room, "cpu")["numpy"], "one version in all images"


def test_with_an_accelerator_refine_alone_has_torch_and_both_use_the_same_libraries_of_it() -> None:
    images = {image.name: image for image in build.plan("cuda")}
    assert [room for room in build.rooms() if "torch" in everything_in(images[room], images)] == ["refine"]
    assert {"safetensors", "onnxruntime-gpu"} <= set(everything_in(images["refine"], images))
    runtime, torch = (build.entries(build.ROOT / "locks" / f"{lock}.txt") for lock in ("cuda", "refine-torch"))
    shared = set(runtime) & set(torch)
    assert "nvidia-cudnn-cu13" in shared
    assert [name for name in sorted(shared) if runtime[name].split()[0] != torch[name].split()[0]] == []


def test_a_room_without_that_runtime_is_the_same_with_an_accelerator() -> None:
    assert build.needed("train", "cuda") == build.needed("train", "cpu")


def test_a_shelf_stands_below_a_room_only_if_the_room_needs_all_of_it() -> None:
    images = {image.name: image for image in build.plan("cpu")}
    assert images["controller"].parent == "arrays"
    assert images["featurize"].parent == "tables"
    assert images["evaluate"].parent == "pictures"


def test_cntk_lies_below_refine_and_no_other_room() -> None:
    images = {image.name: image for image in build.plan("cpu", with_cntk=True)}
    assert images["refine"].parent == "cntk"
    assert [image.name for image in images.values() if image.parent == "cntk"] == ["refine"]
    assert images["cntk"].parent == {image.name: image for image in build.plan("cpu")}["refine"].parent
    assert everything_in(images["refine"], images) == build.needed("refine", "cpu")


def test_a_machine_without_an_engine_is_told_what_would_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.CannotBuild, match="docker, podman, buildah"):
        build.find_engine()
