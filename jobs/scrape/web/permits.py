"""What the site lets the scraper reach, and who it says it is: settings of the place, never of the dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from common.errors import BadParameters
from jobs import __version__

CONTACT, PORTS, NETWORKS = "DARKROOM_CONTACT", "DARKROOM_WEB_PORTS", "DARKROOM_WEB_NETWORKS"
PRODUCT = "darkroom"
ORDINARY_PORTS = frozenset({80, 443})

_CONTACT = re.compile(r"[\x21-\x7e]{3,200}")


@dataclass(frozen=True)
class Permits:
    """The contact that servers are told, the ports that may be dialled, and addresses that may be though they are not public."""

    contact: str = ""
    ports: frozenset[int] = ORDINARY_PORTS
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Permits:
        """Read them from a process's environment. Raises BadParameters, which names every one that is wrong."""
        wrong: list[str] = []
        contact = environment.get(CONTACT, "").strip()
        if contact and (not _CONTACT.fullmatch(contact) or set(contact) & set('()\\"')):
            wrong.append(f"{CONTACT} must be an e-mail address or a URL, in ASCII and without spaces: {contact!r}")
        ports = set(ORDINARY_PORTS)
        for word in _words(environment.get(PORTS, "")):
            if word.isascii() and word.isdigit() and 0 < int(word) < 65536:
                ports.add(int(word))
            else:
                wrong.append(f"{PORTS} must be ports with commas between them, as 8080,8443: {word!r}")
        networks = []
        for word in _words(environment.get(NETWORKS, "")):
            try:
                networks.append(ip_network(word))
            except ValueError as error:
                wrong.append(f"{NETWORKS} must be networks with commas between them, as 10.1.0.0/16: {error}")
        if wrong:
            raise BadParameters("\n".join(wrong))
        return cls(contact, frozenset(ports), tuple(networks))

    @property
    def user_agent(self) -> str:
        """Return who we are, honestly: the product, its version, and whom to write to."""
        return f"{PRODUCT}/{__version__} ({'+' + self.contact if self.contact else 'no contact given'})"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
