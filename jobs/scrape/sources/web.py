"""What all sources have in common whose pictures lie on other people's servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from common.errors import BadInput
from common.records import digest_of
from jobs.scrape.sources.kinds import Got, Item, Origin, Reach


def item_of(label: str, origin: Origin) -> Item:
    """Return a picture on the web as an item. Where its sha256 is known, other bytes at the same URL are another picture."""
    token = digest_of({"url": origin.url, **({"sha256": origin.sha256} if origin.sha256 else {})})
    recipe = {name: value for name, value in msgspec.to_builtins(origin).items() if value}
    return Item(label=label, name=origin.url, token=token, licence=origin.licence, recipe=recipe)


class WebSource:
    """Fetches what items name, as the site permits."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach

    def fetch(self, item: Item) -> bytes:
        (found,) = self.fetch_all([item])
        if found.reason:
            raise BadInput(found.reason)
        return found.data

    def fetch_all(self, items: Sequence[Item]) -> Iterator[Got]:
        from jobs.scrape.web import Fetcher, Permits, Request

        wanted = {item.token: item for item in items}
        origins = {token: msgspec.convert(item.recipe, Origin) for token, item in wanted.items()}
        requests = [Request(token=token, url=origin.url, sha256=origin.sha256) for token, origin in origins.items()]
        with Fetcher(Permits.read(self.reach.environment)) as fetcher:
            for reply in fetcher.fetch(requests):
                yield Got(wanted[reply.token], reply.data, reply.reason, reply.heals, reply.status, reply.url, reply.fetched)
