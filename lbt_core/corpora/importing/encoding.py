"""The encoding of a text file, found by reading it once: byte order mark, UTF-16 without one,
UTF-8, else Windows-1252.
"""

import codecs
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lbt_core import UserError

BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDEFINED_1252 = b"\x81\x8d\x8f\x90\x9d"


@dataclass(frozen=True)
class Encoding:
    """A codec name, and a sentence for the user where it was a guess."""

    name: str
    warning: str | None = None


def open_binary(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where it is gzip."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def check_whole(path: Path) -> None:
    """Read a gzip file to its end, where damage shows; raises UserError."""
    with open_binary(path) as file:
        if not isinstance(file, gzip.GzipFile):
            return
        try:
            while file.read(BLOCK):
                pass
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{path.name} is a damaged gzip file ({error}): get it again") from None


def find_encoding(path: Path, stated: str | None = None) -> Encoding:
    """The encoding to read a text file with; ``stated`` (the user's) is only checked.

    Raises UserError for an empty file, an unknown encoding, bytes that the stated encoding does not
    know, and a file that mixes encodings, naming the line and the remedy.
    """
    with open_binary(path) as file:
        head = file.read(4096)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise UserError(f"{path.name} is empty: there is nothing to import")
    if stated:
        return _checked(path, stated)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return _checked(path, name)
    wide = _wide(head)
    if wide:
        return _checked(path, wide)
    return _narrow(path)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of Western text is zero."""
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(head) >= 8 and even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return None


def _checked(path: Path, name: str) -> Encoding:
    try:
        decoder = codecs.getincrementaldecoder(name)()
    except LookupError:
        raise UserError(
            f"--encoding {name}: no such encoding; try utf-8, utf-16 or cp1252"
        ) from None
    line = 1
    with open_binary(path) as file:
        while block := file.read(BLOCK):
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeError:
                raise UserError(
                    f"{path.name} is not {name} (near line "
                    f"{line + _newlines_to_error(block, name)}): "
                    "convert the file to UTF-8, or name its encoding with --encoding"
                ) from None
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise UserError(
            f"{path.name} ends in the middle of a character (line {line}): the file is "
            "cut off; get it again"
        ) from None
    return Encoding(name)


def _newlines_to_error(block: bytes, name: str) -> int:
    try:
        block.decode(name)
    except UnicodeDecodeError as error:
        return block[: error.start].count(b"\n")
    except UnicodeError:
        return 0
    return 0


def _cut_character(decoder: codecs.IncrementalDecoder, line: int) -> int | None:
    """The last line where the file ends within a character."""
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None


def _narrow(path: Path) -> Encoding:
    """UTF-8 if all of it is; Windows-1252 if none of it is; a file with both is refused, naming the
    first bad line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, bad_line, has_utf8, undefined = 1, None, False, False
    with open_binary(path) as file:
        while raw := file.readline(BLOCK):
            try:
                has_utf8 = (
                    len(decoder.decode(raw, final=raw.endswith(b"\n"))) < len(raw) or has_utf8
                )
            except UnicodeDecodeError:
                decoder.reset()
                bad_line = bad_line or line
                undefined = undefined or any(byte in _UNDEFINED_1252 for byte in raw)
            line += raw.endswith(b"\n")
    if bad_line is None:
        bad_line = _cut_character(decoder, line)
    if bad_line is None:
        return Encoding("utf-8")
    if has_utf8 or undefined:
        raise UserError(
            f"{path.name}, line {bad_line}: bytes that are not UTF-8, in a file that is "
            "neither UTF-8 nor Windows-1252 throughout: "
            "convert the file to UTF-8, or name its encoding with --encoding"
        )
    return Encoding(
        "cp1252",
        f"{path.name} is not UTF-8 (line {bad_line}) and was read as Windows-1252; if "
        "letters look wrong, use --encoding",
    )
