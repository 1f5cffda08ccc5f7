from __future__ import annotations

from ipaddress import ip_network

import pytest

from common.errors import BadParameters
from jobs import __version__
from jobs.scrape.web.permits import Permits


def test_without_settings_only_the_public_web_is_reached() -> None:
    assert Permits.read({}) == Permits(contact="", ports=frozenset({80, 443}), networks=())


def test_a_site_adds_ports_and_networks() -> None:
    permits = Permits.read({"DARKROOM_WEB_PORTS": "8080, 8443", "DARKROOM_WEB_NETWORKS": "10.1.0.0/16,fd00::/8"})

    assert permits.ports == {80, 443, 8080, 8443}
    assert permits.networks == (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))


def test_servers_are_told_whom_to_write_to_or_that_there_is_nobody() -> None:
    assert Permits.read({"DARKROOM_CONTACT": "a@example.org"}).user_agent == f"darkroom/{__version__} (+a@example.org)"
    assert Permits().user_agent == f"darkroom/{__version__} (no contact given)"


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(BadParameters) as caught:
        Permits.read({"DARKROOM_CONTACT": "a\r\nHost: b", "DARKROOM_WEB_PORTS": "80,x,0,70000", "DARKROOM_WEB_NETWORKS": "10.0.0.1/8,y"})

    for words in ("DARKROOM_CONTACT", "'x'", "'0'", "'70000'", "10.0.0.1/8 has host bits set", "'y'"):
        assert words in str(caught.value)
