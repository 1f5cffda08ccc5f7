"""Searches of pictures on the web. A new provider is a module with a `PROVIDER`, and its name in `PROVIDERS`."""

from __future__ import annotations

from types import MappingProxyType

from jobs.scrape.providers import brave, openverse, wikimedia
from jobs.scrape.providers.base import Provider

__all__ = ["PROVIDERS", "RETIRED", "Provider"]

PROVIDERS = MappingProxyType({one.name: one for one in (openverse.PROVIDER, wikimedia.PROVIDER, brave.PROVIDER)})
RETIRED = MappingProxyType({"bing": "it was switched off on 2025-08-11"})
