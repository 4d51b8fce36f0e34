"""Listings of objects and buckets in Cloud Storage's XML API.

Source: https://cloud.google.com/storage/docs/xml-api/get-bucket-list
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import Bucket
from google_auth_botocore.emulator._storage_listing import (
    MAX_RESULTS,
    Query,
    last_entry,
    list_page,
    number_of_entries,
    page_token,
)
from google_auth_botocore.emulator._storage_preconditions import entity_tag
from google_auth_botocore.emulator._xml import document, elements


def list_objects(bucket: Bucket, parameters: Mapping[str, str], page_size: int) -> Response:
    """Return one page of a listing, in version 1 or 2.

    Args:
        bucket: the bucket.
        parameters: the query parameters of the request.
        page_size: the maximum number of entries, even if the request allows more.

    Raises:
        StorageError: a parameter is invalid.
    """
    second = parameters.get("list-type") == "2"
    token, limit = parameters.get("continuation-token"), parameters.get("max-keys", str(MAX_RESULTS))
    room = min(number_of_entries("max-keys", limit), MAX_RESULTS, page_size)
    start = parameters.get("start-after" if second else "marker", "")
    query = Query(
        prefix=parameters.get("prefix", ""),
        delimiter=parameters.get("delimiter", ""),
        after=last_entry("continuation-token", token) if second and token else start,
    )
    page = list_page(bucket, query, room)
    coded = parameters.get("encoding-type") == "url"
    encode: Callable[[str], str] = quote if coded else str
    fields: dict[str, object] = {"Name": bucket.metadata["name"], "Prefix": encode(query.prefix)}
    if query.delimiter:
        fields["Delimiter"] = encode(query.delimiter)
    if coded:
        fields["EncodingType"] = "url"
    fields |= {"MaxKeys": limit, "IsTruncated": str(page.last is not None).lower()}
    if second:
        fields |= {"KeyCount": len(page.items) + len(page.prefixes)}
        fields |= {
            name: value for name, value in {"ContinuationToken": token, "StartAfter": encode(start)}.items() if value
        }
        if page.last is not None:
            fields["NextContinuationToken"] = page_token(page.last)
    else:
        fields["Marker"] = encode(start)
        if page.last is not None:
            fields["NextMarker"] = encode(page.last)
    content = [elements(**fields)]
    content += [f"<Contents>{_described(each, encode)}</Contents>" for each in page.items]
    content += [f"<CommonPrefixes>{elements(Prefix=encode(each))}</CommonPrefixes>" for each in page.prefixes]
    return document("ListBucketResult", "".join(content))


def list_buckets(buckets: Mapping[str, Bucket]) -> Response:
    """Return all buckets."""
    described = [elements(Name=name, CreationDate=buckets[name].metadata["timeCreated"]) for name in sorted(buckets)]
    content = "".join(f"<Bucket>{each}</Bucket>" for each in described)
    return document("ListAllMyBucketsResult", f"<Buckets>{content}</Buckets>")


def _described(metadata: Mapping[str, Any], encode: Callable[[str], str]) -> str:
    return elements(
        Key=encode(metadata["name"]),
        Generation=metadata["generation"],
        MetaGeneration=metadata["metageneration"],
        LastModified=metadata["updated"],
        ETag=f'"{entity_tag(metadata)}"',
        Size=metadata["size"],
        StorageClass=metadata["storageClass"],
    )
