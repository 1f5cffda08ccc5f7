"""Everything that opens a socket to the internet: what may be dialled, how often, how long, and how it is asked for."""

from jobs.scrape.web.exchange import Answer, FetchLimits, Reply, Request
from jobs.scrape.web.fetcher import Fetcher
from jobs.scrape.web.permits import Permits

__all__ = ["Answer", "FetchLimits", "Fetcher", "Permits", "Reply", "Request"]
