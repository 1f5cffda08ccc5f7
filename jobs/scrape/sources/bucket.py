"""Class folders in object storage, `s3://bucket/prefix`, read by the run's own endpoint and credentials.

Nothing is downloaded to list it: a token names an object's URL, ETag and size, so an object that
was replaced is a new item. What is fetched must have the ETag that was listed.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from common.errors import BadInput, NotFound
from common.images import Limits
from common.progress import Reporter, silent
from common.records import digest_of
from common.store import Meta, Store, open_url
from jobs.scrape.sources.kinds import CHANGED, Item, Kind, Listing, OneByOne, Reach
from jobs.scrape.sources.layout import DEDICATED, dedicated, label_of, lay_out

ETAG = "etag"


class BucketSource(OneByOne):
    """The objects of a store, whose root is the source's."""

    def __init__(self, store: Store, *, labelled: bool = True) -> None:
        self._store = store
        self._labelled = labelled

    def look(self, progress: Reporter = silent) -> Listing:
        found = {one.key: one for one in self._store.list("")}
        progress(len(found), len(found), "objects listed")
        layout = lay_out(found, labelled=self._labelled)
        listed = self._dedicated(layout.pictures) if self._labelled and DEDICATED in found else set()
        items = [self._item(found[name], dedicated=name in listed) for name in layout.pictures]
        return Listing(items, layout.classes, layout.passed_over)

    def fetch(self, item: Item) -> bytes:
        try:
            found = self._store.get(item.name, Limits().max_bytes)
        except NotFound as error:
            raise BadInput(CHANGED) from error
        if found.etag != item.recipe[ETAG]:
            raise BadInput(CHANGED)
        return found.data

    def _item(self, found: Meta, *, dedicated: bool) -> Item:
        token = digest_of({"url": f"{self._store.url}/{found.key}", ETAG: found.etag, "size": found.size})
        label = label_of(found.key, labelled=self._labelled)
        return Item(label=label, name=found.key, token=token, size=found.size, dedicated=dedicated, recipe={ETAG: found.etag})

    def _dedicated(self, pictures: tuple[str, ...]) -> set[str]:
        return dedicated(self._store.get(DEDICATED).data, f"{self._store.url}/{DEDICATED}", pictures)


def _open(reach: Reach) -> BucketSource:
    return BucketSource(open_url(reach.locator, reach.environment), labelled=reach.labelled)


def _wrong(source: str) -> list[str]:
    parts = urlsplit(source)
    if parts.netloc and not parts.query and not parts.fragment:
        return []
    return [f"source = {source!r} names no place in object storage. Write s3://bucket/prefix."]


KIND = Kind(
    name="bucket",
    words="pictures from object storage",
    fits=lambda source: source.startswith("s3://"),
    open=_open,
    wrong=_wrong,
    settle=lambda source: source.rstrip("/"),
    listed=True,
)
