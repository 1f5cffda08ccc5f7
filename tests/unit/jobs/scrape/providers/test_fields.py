"""Fields that strangers wrote."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.scrape.providers import fields


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ana", "Ana"),
        ("  two\n\tlines\x00 ", "two lines"),
        ('<a href="x">Ana &amp; Luis</a>', "Ana & Luis"),
        ("one<br>two<p>three</p>", "one two three"),
        ("<style>a{}</style>seen<script>alert('</a>')</script>", "seen"),
        ("<script>never closed", ""),
        ("</script>after", "after"),
        ("a < b & c", "a < b & c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("&lt;b&gt;", "<b>"),
        ("cut \ud83d", "cut"),
        ("x" * 301, "x" * 299 + "…"),
        (7, ""),
        (None, ""),
        (["a"], ""),
    ],
)
def test_a_text_is_one_line_that_people_can_read(value: Any, expected: str) -> None:
    assert fields.text(value) == expected


@pytest.mark.parametrize(
    "value",
    ["https://a.example/b c.jpg".replace(" ", "%20"), "http://a.example:8080/x?y=z#w", "https://é.example/ñ.jpg", "HTTPS://A.example/x"],
)
def test_an_address_on_the_web_stays_as_it_is(value: str) -> None:
    assert fields.link(value) == value


def test_an_address_without_a_scheme_is_of_the_web() -> None:
    assert fields.link("//a.example/x.jpg") == "https://a.example/x.jpg"


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "ftp://a.example/x.jpg",
        "https://",
        "https:///x.jpg",
        "/x.jpg",
        "https://user:word@a.example/x.jpg",
        "https://a.example\\@b.example/x.jpg",
        "https://a.example/x.jpg\r\nX-Other: 1",
        "https://a.example/a b.jpg",
        "https://[::1/x.jpg",
        "https://a.example/" + "x" * 2048,
        "",
        None,
        7,
        {"url": "https://a.example"},
    ],
)
def test_what_is_no_address_on_the_web_is_empty(value: Any) -> None:
    assert fields.link(value) == ""


@pytest.mark.parametrize(("value", "expected"), [(5, 5), (0, 0), (-5, 0), (True, 0), (5.5, 0), ("5", 0), (None, 0), (2**60, 0)])
def test_a_number_counts_or_is_nothing(value: Any, expected: int) -> None:
    assert fields.whole(value) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("by-sa", "4.0", "by-sa 4.0"),
        ("CC BY-SA 4.0", "", "by-sa 4.0"),
        ("cc-by-nc-nd-2.5", "", "by-nc-nd 2.5"),
        ("CC BY 3.0", "", "by 3.0"),
        ("cc0", "1.0", "cc0 1.0"),
        ("CC0", "", "cc0 1.0"),
        ("pdm", "1.0", "pdm 1.0"),
        ("Public domain", "", "Public domain"),
        ("CC BY-SA 3.0 de", "", "CC BY-SA 3.0 de"),
        ("", "", ""),
    ],
)
def test_licences_have_short_names(name: str, version: str, expected: str) -> None:
    assert fields.licence(name, version) == expected


def test_a_credit_names_what_is_known() -> None:
    assert fields.credit("Shirt", "Ana", "CC0", "Commons") == '"Shirt" by Ana, via Commons, CC0'
    assert fields.credit("", "", "", "Commons") == "Picture, via Commons"
