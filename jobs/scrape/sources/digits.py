"""scikit-learn's handwritten digits (UCI, 1998): 1,797 pictures of 8 x 8 pixels, as PNG."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from common.progress import Reporter, silent
from jobs.scrape.sources.kinds import Item, Kind, Listing, OneByOne

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COUNT = 1797


def items() -> list[Item]:
    """Return one item for each picture, in the order of the data set."""
    labels = _data()[1]
    return [
        Item(label=str(label), name=f"{label}/{index:04d}.png", token=f"digits-{index}", licence="CC BY 4.0", recipe={"index": index})
        for index, label in enumerate(labels.tolist())
    ]


class DigitsSource(OneByOne):
    """Encodes digits: ink 0-16 becomes black on white, 255-0."""

    def look(self, progress: Reporter = silent) -> Listing:
        del progress  # it takes no time
        return Listing(items())

    def fetch(self, item: Item) -> bytes:
        from PIL import Image

        ink = _data()[0][int(item.recipe["index"])]
        grey = (255 - ink * (255 / 16)).round().astype("uint8")
        buffer = io.BytesIO()
        Image.fromarray(grey).save(buffer, "PNG")
        return buffer.getvalue()


KIND = Kind(
    name="digits",
    words="scikit-learn's digits",
    fits=lambda source: source == "digits",
    open=lambda _: DigitsSource(),
    settings=("source",),
    ours=True,
)


@functools.cache
def _data() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target
