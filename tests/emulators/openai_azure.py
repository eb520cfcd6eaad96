"""The emulated API behind an Azure resource: both styles of paths, keys in a header of their own or Entra tokens, deployments, its errors.

Sources: learn.microsoft.com/azure/ai-foundry/openai, reference and api-version-lifecycle; error bodies as openai/openai-python and
Azure's forums show them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.emulators.serving import Call, Rejected

if TYPE_CHECKING:
    from tests.emulators.openai import OpenAI

VERSIONED = re.compile(r"/openai/deployments/([^/]+)/(chat/completions|images/generations|images/edits)")
V1 = re.compile(r"/openai/v1/(chat/completions|images/generations|images/edits|models)")
PART = re.compile(rb'(name="model"\r\n\r\n)(.*?)(\r\n)', re.DOTALL)


def through_azure(service: OpenAI, call: Call) -> None:
    """Check what Azure checks, and turn the call into one that OpenAI would get."""
    _check_key(service, call)
    if call.path == "/openai/models" and "api-version" in call.query:
        call.path = "/v1/models"
    elif (found := VERSIONED.fullmatch(call.path)) and "api-version" in call.query:
        if call.query["api-version"] not in service.options["azure_versions"]:
            _no(404, "404", "Resource not found")
        model = _behind(service, found[1])
        _check_operation(found[2], model)
        _put_model(call, model)
        call.path = f"/v1/{found[2]}"
    elif found := V1.fullmatch(call.path):
        if "api-version" in call.query:
            _no(400, "BadRequest", "api-version query parameter is not allowed when using /v1 path")
        if found[1] != "models":
            model = _behind(service, _told_model(call))
            _check_operation(found[1], model)
            _put_model(call, model)
        call.path = f"/v1/{found[1]}"
    else:
        _no(404, "404", "Resource not found")
    if (call.fault or {}).get("reply") == "azure_filter":
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True, "severity": "high"}}}
        message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
        facts = {"message": message, "code": "content_filter", "status": 400, "param": "prompt"}
        raise Rejected(400, body={"error": {**facts, "innererror": inner}})


def _check_key(service: OpenAI, call: Call) -> None:
    options, bearer = service.options, call.headers.get("authorization", "").removeprefix("Bearer ")
    key = call.headers.get("api-key") or (bearer if call.path.startswith("/openai/v1/") and bearer == options["azure_key"] else "")
    if key == options["azure_key"] or (bearer and bearer == options["azure_token"]):
        call.headers = {**call.headers, "authorization": f"Bearer {options['key']}"}  # the record keeps what came
        return
    if bearer == f"{options['azure_token']}-of-a-stranger":
        action = "Microsoft.CognitiveServices/accounts/OpenAI/images/generations/action"
        _no(401, "PermissionDenied", f"The principal `1234` lacks the required data action `{action}`.")
    _no(
        401,
        "401",
        f"Access denied due to invalid subscription key {key} or wrong API endpoint. Make sure to provide a valid key for an active "
        "subscription and use a correct regional API endpoint for your resource.",
    )


def _behind(service: OpenAI, deployment: str) -> str:
    found = service.options["azure_deployments"].get(deployment)
    if found is None:
        _no(
            404,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait "
            "a moment and try again.",
        )
    return str(found)


def _check_operation(route: str, model: str) -> None:
    if route.startswith("images") != ("image" in model):
        _no(400, "OperationNotSupported", f"The {route.replace('/', ' ')} operation does not work with the specified model, {model}.")


def _told_model(call: Call) -> str:
    if "json" in call.headers.get("content-type", ""):
        return str(call.json().get("model"))
    found = PART.search(call.body)
    return found[2].decode() if found else ""


def _put_model(call: Call, model: str) -> None:
    if "json" in call.headers.get("content-type", ""):
        call.body = json.dumps({**call.json(), "model": model}).encode()
    else:
        call.body = PART.sub(lambda found: found[1] + model.encode() + found[3], call.body, count=1)


def _no(status: int, code: str, message: str) -> Any:
    raise Rejected(status, body={"error": {"code": code, "message": message}})
