"""Which addresses are public.

`ipaddress.is_global` is not enough: an IPv6 address may carry an IPv4 address that a gateway or
tunnel unpacks, and clouds keep their metadata at addresses that look public. For IPv6 the rule is
a list of what is let through, so that what nobody thought of is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Refused even where a site allows the network around them: who reads these gets a machine's credentials.
METADATA = frozenset(
    map(
        ip_address,
        ("168.63.129.16", "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)
NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
_GLOBAL_6 = IPv6Network("2000::/3")
# Inside of it: protocol assignments with Teredo and ORCHID, documentation (twice), 6to4, the former 6bone.
NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16", "3ffe::/16")))
# NAT64 (RFC 6052): on networks with IPv6 only, the ordinary way to IPv4. Judged by the IPv4 address within.
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def why_not(text: str, networks: Iterable[Network] = ()) -> str:
    """Return why an address may not be dialled, or "" if it may: it is public, or within one of `networks`."""
    return _why_not(text, tuple(networks))


@lru_cache(maxsize=65_536)
def _why_not(text: str, networks: tuple[Network, ...]) -> str:
    try:
        address = _unpacked(ip_address(text))
    except ValueError:
        return f"{text}, which is not an address"
    if address in METADATA:
        return f"{text}, where a cloud keeps its machines' credentials"
    if is_public(address) or any(address in network for network in networks):
        return ""
    return f"{text}, which is not public"


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet."""
    address = _unpacked(address)
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in NOT_PUBLIC_4)
    tunnel = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    return address.is_global and address in _GLOBAL_6 and not tunnel and not any(address in network for network in NOT_PUBLIC_6)


def _unpacked(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped or NAT64 address leads to; any other one as it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
