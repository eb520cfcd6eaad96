"""Uploading a reference picture: token, apply, put, commit. Only the first of these calls carries a login's cookies."""

from __future__ import annotations

import json
import re
import secrets
import string
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from notebook_img.errors import BadReplyError, RequestRefusedError
from notebook_img.providers.jimeng import protocol
from notebook_img.providers.jimeng.drafts import Uploaded
from notebook_img.providers.jimeng.protocol import PROTOCOL
from notebook_img.providers.jimeng.signing import UploadKey, signed_headers
from notebook_img.providers.status_table import error_for

if TYPE_CHECKING:
    from notebook_img.pictures import Prepared
    from notebook_img.providers.jimeng.login import Login, Web
    from notebook_img.providers.transport import Answer, Transport

T = TypeVar("T")
Again = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Runs a call that costs nothing, again where that helps."""


async def fetch_key(web: Web, login: Login) -> UploadKey:
    """Return short-lived credentials of the upload service for one login."""
    query = {"aid": PROTOCOL.app_id, "da_version": PROTOCOL.da_version, "aigc_features": PROTOCOL.upload_features}
    envelope = await web.call(login, protocol.UPLOAD_TOKEN, {"scene": PROTOCOL.upload_scene}, query=query)
    data = envelope.get("data")
    try:
        assert isinstance(data, dict)
        return UploadKey(
            str(data["access_key_id"]),
            str(data["secret_access_key"]),
            str(data["session_token"]),
            str(data.get("service_id") or PROTOCOL.upload_service),
        )
    except (AssertionError, KeyError):
        raise BadReplyError("Jimeng returned no upload token in a known form; its protocol may have changed.", provider="jimeng") from None


async def upload(transport: Transport, key: UploadKey, picture: Prepared, *, base_url: str, own: tuple[str, ...], again: Again) -> Uploaded:
    """Upload one picture and return what the service calls it.

    Parameters
    ----------
    base_url : str
        Of the upload service.
    own : tuple of str
        Base URLs the user configured: their hosts may be private, and http.
    again : callable
        The retry policy.
    """
    size = len(picture.data)
    common = {"FileSize": str(size), "ServiceId": key.service_id, "Version": PROTOCOL.upload_api_version}
    random_text = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(11))
    applied = await again(lambda: _signed(transport, key, "GET", base_url, {"Action": "ApplyImageUpload", **common, "s": random_text}))
    try:
        address = applied["UploadAddress"]
        store = address["StoreInfos"][0]
        uri, permit = str(store["StoreUri"]), str(store["Auth"])
        host, session = str(address["UploadHosts"][0]), str(address["SessionKey"])
    except (KeyError, IndexError, TypeError):
        raise _unknown_form("named no place to put the picture") from None
    await again(lambda: _put(transport, _put_url(host, uri, own), permit, picture.data, own))
    body = json.dumps({"SessionKey": session}, separators=(",", ":")).encode()
    committed = await again(lambda: _signed(transport, key, "POST", base_url, {"Action": "CommitImageUpload", **common}, body))
    try:
        result = committed["Results"][0]
        found = str(result["Uri"])
    except (KeyError, IndexError, TypeError):
        raise _unknown_form("did not name the uploaded picture") from None
    if result.get("UriStatus", 2000) != 2000:
        raise RequestRefusedError(f"Jimeng's upload service did not accept the picture (status {result['UriStatus']}).", provider="jimeng")
    return Uploaded(found, picture.width, picture.height, picture.mime_type.rpartition("/")[2])


async def _signed(
    transport: Transport, key: UploadKey, method: str, base_url: str, query: Mapping[str, str], body: bytes = b""
) -> Mapping[str, Any]:
    import asyncio

    url = f"{base_url.rstrip('/')}/?{urlencode(query, quote_via=quote)}"
    headers = dict(await asyncio.to_thread(signed_headers, key, method, url, body))  # the first one imports botocore
    if body:
        headers["Content-Type"] = "application/json"
    answer = await transport.send(
        method, url, headers=headers, content=body or None, timeout=min(protocol.CALL_SECONDS, transport.settings.timeout)
    )
    content = answer.json()
    told = content.get("ResponseMetadata") if isinstance(content, dict) else None
    error = told.get("Error") if isinstance(told, dict) else None
    if isinstance(error, dict) and answer.status < 500:
        raise RequestRefusedError(
            f"Jimeng's upload service refused the picture ({error.get('Code')}: {str(error.get('Message'))[:200]}).",
            provider="jimeng",
            status=answer.status,
        )
    _check(answer)
    result = content.get("Result") if isinstance(content, dict) else None
    if not isinstance(result, dict):
        raise _unknown_form("returned no result")
    return result


def _put_url(host: str, uri: str, own: tuple[str, ...]) -> str:
    """https, but where the host is one the user configured: that one's scheme."""
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", host):
        raise _unknown_form("named an invalid host")
    name = host.partition(":")[0].casefold()
    schemes = {(urlsplit(base).hostname or "").casefold(): urlsplit(base).scheme for base in own}
    return f"{schemes.get(name, 'https')}://{host}/upload/v1/{quote(uri, safe='/')}"


async def _put(transport: Transport, url: str, permit: str, data: bytes, own: tuple[str, ...]) -> None:
    headers = {
        "Authorization": permit,
        "Content-Crc32": f"{zlib.crc32(data):08x}",  # all eight digits: one in sixteen begins with a zero
        "Content-Type": "application/octet-stream",
    }
    answer = await transport.send_to_named("POST", url, headers=headers, content=data, own=own)
    _check(answer)
    content = answer.json()
    if not isinstance(content, dict) or content.get("code") != 2000:
        words = f"{content.get('code')}: {str(content.get('message'))[:200]}" if isinstance(content, dict) else "no JSON"
        raise RequestRefusedError(f"Jimeng's storage refused the picture ({words}).", provider="jimeng")


def _check(answer: Answer) -> None:
    if answer.status != 200:
        facts = {"provider": "jimeng", "model": ""}
        raise error_for(answer.status, title="Jimeng's upload service", own=False, facts=facts, retry_after=answer.retry_after, free=True)


def _unknown_form(what: str) -> BadReplyError:
    return BadReplyError(f"Jimeng's upload service {what}; its protocol may have changed.", provider="jimeng")
