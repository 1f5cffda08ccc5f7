"""URLs that lead to where nobody should be led, in all the forms that are known (CWE-918), and ordinary ones."""

# ruff: noqa: RUF001 (letters that look like others are the point here)

from __future__ import annotations

import random
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

# Loopback, private, shared, link-local, "this" network, benchmarking, protocol assignments, multicast, broadcast, clouds' metadata.
TARGETS = (
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200",
    "168.63.129.16", "0.0.0.0", "198.18.0.1", "192.0.0.192", "192.88.99.1", "203.0.113.7", "224.0.0.1", "255.255.255.255",
)  # fmt: skip
IPV6_TARGETS = (
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "2001:2::1",
    "2001:10::1", "64:ff9b:1::a00:1",
)  # fmt: skip
MALFORMED = (
    "", " ", "/", "//", "http:", "http:/", "http://", "http:///a", "https:///", "http://?", "http://#", "http://:80/", "http://@/",
    "127.0.0.1", "//127.0.0.1/", "http:127.0.0.1", "http:/127.0.0.1/", "http:\\\\127.0.0.1\\", "http:///127.0.0.1/",
    "http:////127.0.0.1/", "http://.", "http://..", "http://./a", "http://.127.0.0.1/", "http://127.0.0.1./", "http://127..0.1/",
    "http://a..example/", "http://example.com./", "http://localhost./", "http://[::1/", "http://::1]/", "http://[::1]x/",
    "http://[::1]:/", "http://[]/", "http://[127.0.0.1]/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[::1%lo]/",
    "http://[v1.x]/", "http://[::ffff:127.1]/", "http://127.0.0.1:80:80/", "http://example.com:/", "http://example.com:0/",
    "http://example.com:65536/", "http://example.com:99999/", "http://example.com:-80/", "http://example.com:+80/",
    "http://example.com:8e1/", "http://example.com:８０/", "http://example.com:22/", "http://example.com:25/", "http://example.com:6379/",
    "http://example.com:8080/", "http://example.com:9200/", "http://a%00b/", "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2f@example.com/", "http://example.com%40127.0.0.1/", "http://%6c/", "http://a/\x00", "http://a\x00.example/",
    "http://a/\r\nHost: b", "http://127.0.0.1\r\nHost: x/", "http://a/\n", "http://a/ b", "http://127.0.0.1\t/", "\thttp://127.0.0.1/",
    " http://127.0.0.1/", "http ://127.0.0.1/", "ht\ntp://127.0.0.1/", "http://a\u2028b/", "http://a\u200b.example/",
    "http://127.0.0.1\u3000/", "http://\u202e127.0.0.1/", "http://a\ufeff.example/", "http://exa\u00admple.com/",
    "http://127.0.0.1\\@example.com/", "http://example.com:80\\@127.0.0.1/", "http://example.com\\.127.0.0.1/", "http://127.0.0.1\\/",
    "http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/", "http://a:b@127.0.0.1/", "http://@127.0.0.1/",
    "http://example.com@127.0.0.1@example.com/", "http://127.0.0.1@example.com/", "http://a@b@c/", "http://a%40b@127.0.0.1:80/",
    "http://example.com#@127.0.0.1:9/\\", "http://example.com&@127.0.0.1#@example.com/", "http://foo@127.0.0.1:80@example.com/",
    "http://example.com?@127.0.0.1\\", "http://!$&'()*+,;=/", 'http://a"b/', "http://<a>/", "http://a|b/", "http://a^b/", "http://a`b/",
    "http://{a}/", "http://ex ample/", "http://" + "a" * 64 + ".example/", "http://" + "a." * 130 + "example/",
    "http://example/" + "a" * 9000, "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/", "tftp://127.0.0.1/a", "sftp://127.0.0.1/",
    "jar:http://127.0.0.1!/", "netdoc:///etc/passwd", "data:image/png;base64,AA", "javascript:alert(1)", "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "tcp://127.0.0.1:80/", "ws://127.0.0.1/", "httpx://127.0.0.1/", "https+http://127.0.0.1/",
    "view-source:http://127.0.0.1/", "urn:127.0.0.1", "phar://a", "php://input", "s3://a/b", "http://xn--/", "http://ⓔⓧⓐⓜⓟⓛⓔ.com/",
    "http://ｅｘａｍｐｌｅ.com/", "http://loc\u212alhost/", "http://ﬀ.example/", "http://ß\u0308\u200d.de/",
)  # fmt: skip


def forms(target: str) -> Iterator[str]:
    """Yield URLs that some parser or resolver takes for this IPv4 address."""
    address = IPv4Address(target)
    number, parts = int(address), address.packed
    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    circled = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
    hosts = [
        target,
        f"{target}.",
        str(number),
        hex(number),
        hex(number).upper().replace("X", "x"),
        f"0{number:o}",
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        ".".join(f"{part:03d}" for part in parts),
        f"{parts[0]}.{int.from_bytes(parts[1:])}",
        f"{parts[0]}.{parts[1]}.{int.from_bytes(parts[2:])}",
        f"{hex(parts[0])}.{int.from_bytes(parts[1:])}",
        f"0{parts[0]:o}.{hex(parts[1])}.{parts[2]}.{parts[3]}",
        f"{parts[0] + 256}.{parts[1]}.{parts[2]}.{parts[3]}",
        "".join(f"%{letter:02x}" for letter in target.encode()),
        target.translate(wide),
        target.translate(circled),
        target.replace(".", "。"),
        target.replace(".", "\uff61"),
    ]
    yield from (f"http://{host}/a.jpg" for host in hosts)
    yield from (f"http://[{form}]/a.jpg" for form in embedded(address, random.Random(number)))
    yield f"https://{target}/a.jpg"
    yield f"http://{target}:443/a.jpg"
    yield f"http://user@{target}/a.jpg"
    yield f"http://example.com\\@{target}/a.jpg"


def embedded(address: IPv4Address, dice: random.Random) -> list[IPv6Address]:
    """Return IPv6 addresses that carry an IPv4 address, one of each kind that a gateway or tunnel unpacks; the rest is random."""
    four = int(address)
    site, some = dice.getrandbits(64), dice.getrandbits(32)
    return [
        IPv6Address((0xFFFF << 32) | four),  # mapped
        IPv6Address(four),  # compatible
        IPv6Address((0xFFFF << 48) | four),  # translated (SIIT)
        IPv6Address((0x64FF9B << 96) | four),  # NAT64
        IPv6Address((0x64FF9B0001 << 80) | (dice.getrandbits(48) << 32) | four),  # NAT64 for local use
        IPv6Address((0x2002 << 112) | (four << 80) | dice.getrandbits(80)),  # 6to4
        IPv6Address((0x20010000 << 96) | (some << 64) | (dice.getrandbits(32) << 32) | (four ^ 0xFFFFFFFF)),  # Teredo, its client
        IPv6Address((0x20010000 << 96) | (four << 64) | dice.getrandbits(64)),  # Teredo, its server
        IPv6Address((site << 64) | (0x00005EFE << 32) | four),  # ISATAP
        IPv6Address((site << 64) | (0x02005EFE << 32) | four),
    ]


def hostile() -> list[str]:
    """Return them all; none may lead to a connection."""
    literal = [f"http://[{target}]/a.jpg" for target in IPV6_TARGETS]
    return list(dict.fromkeys([*MALFORMED, *literal, *(form for target in TARGETS for form in forms(target))]))


WORDS = ("images", "static", "cdn", "media", "photo", "upload", "wp-content", "i", "img-7", "assets_2", "farm6")
DOMAINS = (
    "example.com", "blog.example.co.uk", "museum.example", "shop-24.example.de", "under_score.example.net", "foo-.example.io",
    "bücher.example", "пример.example", "例え.example", "xn--bcher-kva.example", "1and1.example", "3com.example.com",
    "a.b.c.d.e.example.org",
)  # fmt: skip
PATHS = (
    "/{n}.jpg", "/a/b/{n}.JPEG?w=640&h=480", "/wp-content/uploads/2019/0{n}/x.png", "/photo%20{n}.jpg", "/größe-{n}.webp",
    "/thumb/{n}/640px-File_(x).jpg", "/a,b;c=d/{n}", "/{n}?url=http://other.example/x.jpg", "/{n}.jpg#top", "?id={n}", "",
    "/{n}/@user/~me/!$&'()*+,;=:.jpg", "/{n}.gif?sig=a%2Fb%3D&x[]=1", "/图片/{n}.jpg", "/{n}//double/../up.jpg", "/127.0.0.1/{n}.jpg",
    "/{n}?a=b@c.example",
)  # fmt: skip


def ordinary(number: int) -> list[str]:
    """Return URLs as lists of pictures hold them, each on a host of its own."""
    dice = random.Random(1)
    urls = []
    for n in range(number):
        scheme, port = dice.choice((("http", ""), ("https", ""), ("http", ":80"), ("https", ":443"), ("HTTPS", "")))
        host = f"{dice.choice(WORDS)}{n}.{dice.choice(DOMAINS)}"
        urls.append(f"{scheme}://{host.upper() if n % 17 == 0 and host.isascii() else host}{port}{dice.choice(PATHS).format(n=n)}")
    return urls
