"""The emulated models on Google Cloud: a token server for a service account, paths with project and location, labels checked.

The token is asked for by a signed assertion (RFC 7523). Its signature is not checked, for the standard library has no RSA; its claims are.
Scripted replies (kind ``reply``): ``disabled`` (the API is not switched on), ``forbidden`` (no role), ``unbilled``, ``quota``.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.emulators.gemini_shapes import MODELS
from tests.emulators.serving import Call, Rejected

if TYPE_CHECKING:
    from tests.emulators.gemini import Gemini

ACCOUNT = "painter@picture-lab.iam.gserviceaccount.com"
PATH = re.compile(
    r"/(v1|v1beta1)/projects/([^/]+)/locations/([^/]+)/publishers/google/models/([^/:]+):(generateContent|streamGenerateContent)"
)
LIST = re.compile(r"/(v1|v1beta1)/publishers/google/models")
LABEL = re.compile(r"[a-z0-9_-]{1,63}")
FAULTS: dict[str, tuple[int, str, str]] = {
    "disabled": (403, "Vertex AI API has not been used in project {project} before or it is disabled.", "SERVICE_DISABLED"),
    "forbidden": (
        403,
        "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/{project}' (or it may not exist).",
        "IAM_PERMISSION_DENIED",
    ),
    "unbilled": (403, "This API method requires billing to be enabled.", "BILLING_DISABLED"),
    "quota": (429, "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model.", ""),
}


def on_cloud(service: Gemini, call: Call) -> bool:
    """Answer what belongs to Google Cloud; return whether it did."""
    if call.path == "/token":
        _token(service, call)
        return True
    if call.method == "GET" and LIST.fullmatch(call.path):
        _check_token(service, call)
        call.respond(200, {"publisherModels": [{"name": f"publishers/google/models/{name}"} for name in MODELS]})
        return True
    found = PATH.fullmatch(call.path)
    if found is None:
        return False
    _version, project, location, model, method = found.groups()
    _check_token(service, call)
    if project != service.options["project"]:
        _no(service, 403, f"Project '{project}' not found or deleted.", "CONSUMER_INVALID")
    if (fault := FAULTS.get((call.fault or {}).get("reply", ""))) is not None:
        _no(service, fault[0], fault[1].format(project=project), fault[2])
    if location not in service.options["locations"] or model not in MODELS:
        raise Rejected(
            404,
            f"Publisher Model `projects/{project}/locations/{location}/publishers/google/models/{model}` was not found or your project "
            "does not have access to it.",
        )
    if "x-goog-api-key" in call.headers:
        raise Rejected(400, "API keys are not expected beside a token.")
    body = call.json()
    labels = body.get("labels", {}) if isinstance(body, dict) else {}
    for name, value in labels.items():
        if not LABEL.fullmatch(name) or not name[0].isalpha() or not LABEL.fullmatch(value):
            raise Rejected(400, f"Invalid label {name}={value}.")
    if method == "streamGenerateContent" and call.query.get("alt") != "sse":
        raise Rejected(400, "this emulator streams with alt=sse only")
    service.generate(call, model, streams=method == "streamGenerateContent")
    return True


def identity(call: Call) -> str:
    """What a signature is bound to besides its model: a key, or project and location."""
    found = PATH.fullmatch(call.path)
    return f"{found[2]}/{found[3]}" if found else call.headers["x-goog-api-key"]


def _check_token(service: Gemini, call: Call) -> None:
    given = call.headers.get("authorization", "")
    until = service.tokens.get(given.removeprefix("Bearer "), 0.0)
    if not given.startswith("Bearer ") or until < time.time():
        _no(service, 401, f"Request had invalid authentication credentials {given}.", "ACCESS_TOKEN_EXPIRED")


def _no(service: Gemini, status: int, message: str, reason: str) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    raise Rejected(status, body=service.error_body(status, message, [detail] if reason else None))


def _token(service: Gemini, call: Call) -> None:
    form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        raise Rejected(400, body={"error": "unsupported_grant_type"})
    claims = _claims(form.get("assertion", ""))
    known = claims.get("iss") == ACCOUNT and str(claims.get("aud", "")).endswith("/token") and "cloud-platform" in str(claims.get("scope"))
    if service.options["revoked"] or not known or claims.get("exp", 0) < time.time():
        raise Rejected(400, body={"error": "invalid_grant", "error_description": f"Invalid JWT of {claims.get('iss')}."})
    token = f"ya29.{secrets.token_urlsafe(40)}"
    service.tokens[token] = time.time() + service.options["token_seconds"]
    call.respond(200, {"access_token": token, "expires_in": service.options["token_seconds"], "token_type": "Bearer"})


def _claims(assertion: str) -> dict[str, Any]:
    parts = assertion.split(".")
    if len(parts) != 3:
        return {}
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    return claims if head.get("alg") == "RS256" else {}
