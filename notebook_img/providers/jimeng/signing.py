"""AWS signature 4 as the upload service wants it: botocore's signer, its signed headers narrowed to ``x-amz-*``.

Checked against two test vectors in the tests. Host and Content-Type are not signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notebook_img.providers.jimeng.protocol import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class UploadKey:
    """Short-lived credentials of the upload service."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    service_id: str = PROTOCOL.upload_service


def signed_headers(key: UploadKey, method: str, url: str, body: bytes = b"", *, at: datetime | None = None) -> Mapping[str, str]:
    """Return the headers that sign one request.

    Parameters
    ----------
    url : str
        With its query, whose pairs are percent-encoded already.
    body : bytes
        Exactly the bytes that are sent.
    at : datetime, optional
        Now by default.
    """
    import hashlib

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.compat import HTTPHeaders
    from botocore.credentials import Credentials

    class Signer(SigV4Auth):  # type: ignore[misc]
        """The upload service checks a signature over these headers and no others."""

        def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
            kept = HTTPHeaders()
            for name, value in request.headers.items():
                if name.lower().startswith("x-amz-"):
                    kept[name.lower()] = value
            return kept

    request = AWSRequest(method, url, data=body)
    request.headers["X-Amz-Date"] = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Security-Token"] = key.session_token
    if body:
        request.headers["X-Amz-Content-Sha256"] = hashlib.sha256(body).hexdigest()
    request.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = Signer(Credentials(key.access_key, key.secret_key, key.session_token), PROTOCOL.upload_signing_name, PROTOCOL.upload_region)
    # Not `add_auth`: it takes the time from the clock, and logs what it signs, the session token with it.
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    scope = f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
    return {**dict(request.headers.items()), "Authorization": scope}
