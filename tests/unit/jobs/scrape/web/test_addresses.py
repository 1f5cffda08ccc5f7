from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scrape.web.addresses import METADATA, NOT_PUBLIC_4, NOT_PUBLIC_6, why_not
from tests.support.hostile_urls import IPV6_TARGETS, TARGETS, embedded

METADATA_NAMES = sorted(map(str, METADATA))
PUBLIC_4 = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.1.1",
    "223.255.255.254",
)
PUBLIC_6 = (
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
)


@st.composite
def blocked(draw: st.DrawFn) -> IPv4Address:
    network = draw(st.sampled_from(NOT_PUBLIC_4))
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(blocked(), st.integers(0))
def test_every_embedding_of_every_blocked_address_is_refused(address: IPv4Address, seed: int) -> None:
    assert why_not(str(address))
    for form in embedded(address, random.Random(seed)):
        assert why_not(str(form)), form


@given(st.sampled_from(NOT_PUBLIC_6), st.integers(0, 2**128 - 1))
def test_every_address_of_the_special_ipv6_networks_is_refused(network: IPv6Network, number: int) -> None:
    assert why_not(str(network[number % network.num_addresses]))


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_nothing_outside_of_global_unicast_is_public(address: IPv6Address) -> None:
    if address not in ip_network("2000::/3") and address not in ip_network("64:ff9b::/96") and not address.ipv4_mapped:
        assert why_not(str(address))


@pytest.mark.parametrize("address", [*TARGETS, *IPV6_TARGETS, *METADATA_NAMES, "", "x", "1.2.3", "::1%lo", "fe80::1%1"])
def test_what_is_not_public_is_refused_with_its_reason(address: str) -> None:
    assert why_not(address).startswith(f"{address}, ")


@pytest.mark.parametrize("address", [*PUBLIC_4, *PUBLIC_6])
def test_what_is_public_is_let_through(address: str) -> None:
    assert why_not(address) == ""


def test_a_site_may_let_a_network_through() -> None:
    networks = (IPv4Network("10.1.0.0/16"), IPv6Network("fd00::/8"))

    assert not why_not("10.1.2.3", networks)
    assert not why_not("::ffff:10.1.2.3", networks)
    assert not why_not("fd00::1", networks)
    assert why_not("10.2.0.1", networks)


@pytest.mark.parametrize("address", METADATA_NAMES)
def test_metadata_are_refused_whatever_a_site_lets_through(address: str) -> None:
    assert why_not(address, (IPv4Network("0.0.0.0/0"), IPv6Network("::/0")))
