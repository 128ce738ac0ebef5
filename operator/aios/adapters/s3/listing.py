"""A page of ListObjectsV2, and the etags of ListObjectVersions."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from aios.errors import ServiceUnavailableError


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects' names, and the token of the next page; empty on the last."""

    names: tuple[str, ...]
    token: str


_ETAG = re.compile(rb"<ETag>(?:&quot;|&#34;|\")?([^<&\"]*)(?:&quot;|&#34;|\")?</ETag>")


def read_etags(document: bytes) -> tuple[str, ...]:
    """Every etag in it, without quotes."""
    return tuple(found.decode() for found in _ETAG.findall(document))


def read_page(document: bytes) -> Page:
    """Keys come encoded (`encoding-type=url`), because XML cannot carry every character. Raises ServiceUnavailableError
    for what is no page, or one of a server that does not say how to go on: part of a listing is none."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise ServiceUnavailableError(
            f"the object store's list of objects cannot be read: {document[:300]!r}"
        ) from error
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    encoded = root.findtext(f"{space}EncodingType") == "url"
    names = [found.text or "" for found in root.iterfind(f"{space}Contents/{space}Key")]
    more = root.findtext(f"{space}IsTruncated") == "true"
    token = root.findtext(f"{space}NextContinuationToken") or "" if more else ""
    if more and not token:
        raise ServiceUnavailableError(
            "the object store lists only the first objects and does not say how to go on: it needs ListObjectsV2"
        )
    return Page(tuple(unquote_plus(name) if encoded else name for name in names), token)
