"""The files of a form (RFC 7578), out of a body that is in memory already: nothing is written anywhere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from jobs.serve.refusals import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# The library tells each thing that is wrong with a form as a warning; the client is told, the log need not be.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class _Reader:
    """Gathers the parts of one body as the parser calls out what it meets."""

    def __init__(self, most: int) -> None:
        self.files: list[tuple[str, bytes]] = []
        self.ended = False
        self._most = most
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._data: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        self._headers, self._data = {}, []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in options:
            return  # a field, not a file
        if len(self.files) == self._most:
            raise Refusal(422, f"More than {self._most} pictures in one request; send several requests.")
        self.files.append((options[b"filename"].decode(errors="replace"), b"".join(self._data)))

    def on_end(self) -> None:
        self.ended = True


def read_files(content_type: str, data: bytes, most: int) -> list[tuple[str, bytes]]:
    """Return name and bytes of each file of a form.

    Raises:
        Refusal: it is no form (400), or holds no file, or more than `most` (422).
    """
    _, options = parse_options_header(content_type)
    reader = _Reader(most)
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks())
        parser.write(data)
        parser.finalize()
    except KeyError as error:
        raise Refusal(400, "The form's Content-Type names no boundary.") from error
    except (FormParserError, ValueError) as error:
        raise Refusal(400, f"The form cannot be read: {error}.") from error
    if not reader.ended:
        raise Refusal(400, "The form cannot be read: its end is missing.")
    if not reader.files:
        raise Refusal(422, "The form holds no file; send each picture as a file of its own.")
    return reader.files
