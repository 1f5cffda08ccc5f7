"""Pictures that a provider's search finds on the web for the phrases of each class.

A search is a sample: another day it finds others. What was found once stays in the dataset.
"""

from __future__ import annotations

from common.errors import BadInput
from common.parameters import Values
from common.progress import Reporter, silent
from jobs.scrape.providers import PROVIDERS, RETIRED, Provider
from jobs.scrape.providers.asking import Asker
from jobs.scrape.sources.kinds import Kind, Listing, Reach
from jobs.scrape.sources.web import WebSource, item_of

QUERIES, MOST, LICENCES = "scrape.queries", "scrape.imagesPerPhrase", "scrape.licences"
ENOUGH = 2  # classes


class SearchSource(WebSource):
    """What a provider finds. Only a look asks it; what it found is fetched from elsewhere."""

    def __init__(self, reach: Reach, provider: Provider) -> None:
        super().__init__(reach)
        self._provider = provider

    def look(self, progress: Reporter = silent) -> Listing:
        from jobs.scrape.web import Fetcher, Permits

        values = self.reach.values
        api = self._provider.open(self.reach.environment, values.text(LICENCES))
        with Fetcher(Permits.read(self.reach.environment)) as fetcher:
            found = Asker(api, fetcher.ask, progress).find(values.phrases(QUERIES), values.integer(MOST))
        items = [item_of(label, origin) for label, origins in found.origins.items() for origin in origins]
        return Listing(items, tuple(found.origins), found.passed_over, found.notes)


def _kind(provider: Provider) -> Kind:
    def lacking(values: Values) -> list[str]:
        problems = []
        if len(values.phrases(QUERIES)) < ENOUGH:
            problems.append(
                f"source = {provider.name!r} searches for phrases: set scrape.queries for two classes or more, "
                "such as {dotted: [dotted shirt, dotted blouse], striped: [striped shirt]}."
            )
        licences = values.text(LICENCES)
        if licences not in provider.licences:
            problems.append(f"scrape.licences = {licences!r}: {provider.title} tells no licences. Use source = 'openverse'.")
        return problems

    return Kind(
        name=provider.name,
        words=f"pictures from the web, found by {provider.title}",
        fits=lambda source: source == provider.name,
        open=lambda reach: SearchSource(reach, provider),
        lacking=lacking,
        settings=("source", QUERIES, MOST, LICENCES),
        web=True,
        sampled=True,
    )


def _retired(name: str, why: str) -> Kind:
    def refuse(reach: Reach) -> SearchSource:
        raise BadInput(f"There is no search {reach.locator} any more: {why}.")

    return Kind(
        name=name,
        words=f"pictures that {name} found",
        fits=lambda source: source == name,
        open=refuse,
        wrong=lambda _: [f"source = {name!r}: {why}. Use {', '.join(map(repr, PROVIDERS))}."],
        settings=("source",),
    )


KINDS = (*map(_kind, PROVIDERS.values()), *(_retired(name, why) for name, why in RETIRED.items()))
