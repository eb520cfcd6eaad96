"""The Interactions API of the emulated service: state on the server's side, standard base64, steps instead of contents."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from tests.emulators.gemini_shapes import INLINE_LIMIT, INTERACTION, MODELS, PICTURE_TOKENS, SIZES
from tests.emulators.serving import Call, Rejected, decoded

if TYPE_CHECKING:
    from tests.emulators.gemini import Gemini


def interact(service: Gemini, call: Call) -> None:
    """Answer ``POST /interactions``."""
    if len(call.body) > INLINE_LIMIT:
        raise Rejected(400, f"Request payload size exceeds the limit: {INLINE_LIMIT} bytes.")
    body = call.json()
    if unknown := set(body) - INTERACTION:
        raise Rejected(400, f"Unknown parameter {min(unknown)!r}.")
    model = service.known_model(body.get("model", ""))
    call.wait(service.options["latency"])
    before = _before(service, call, body, model)
    request = _request(service, call, body, model)
    request["pictures"] = request["pictures"] or tuple(before.get("pictures", ()))
    fault = call.fault or {}
    if fault.get("reply") == "failed":
        error = {"code": fault.get("code", "safety"), "message": fault.get("message", "blocked")}
        call.respond(200, {"id": f"failed-{call.number}", "status": "failed", "steps": [], "errors": [error]})
        return
    content: list[dict[str, Any]] = []
    pictures = []
    for part in service.reply_parts(call, model, request, fault.get("reply", "")):
        if "text" in part:
            content.append({"type": "text", "text": part["text"]})
        else:
            data = base64.urlsafe_b64decode(part["inlineData"]["data"])
            pictures.append(data)
            content.append({"type": "image", "mime_type": part["inlineData"]["mimeType"], "data": base64.b64encode(data).decode()})
    key = f"int-{hashlib.sha256(f'{call.number}{body}'.encode()).hexdigest()[:20]}"
    if body.get("store", True):
        with service.lock:
            owner = call.headers["x-goog-api-key"]
            service.interactions[key] = {"model": model, "key": owner, "pictures": pictures or before.get("pictures", ())}
    signature = service.signature_for(model, call, pictures[-1] if pictures else content[-1]["text"])
    tokens = len(pictures) * PICTURE_TOKENS[request["size"]] or 9
    call.respond(
        200,
        {
            "id": key,
            "model": model,
            "status": "completed",
            "steps": [{"type": "thought", "signature": base64.b64encode(signature).decode()}, {"type": "model_output", "content": content}],
            "usage": {
                "total_input_tokens": 30,
                "total_output_tokens": tokens,
                "total_thought_tokens": 7,
                "total_tokens": 37 + tokens,
                "input_tokens_by_modality": [{"modality": "text", "tokens": 30}],
                "output_tokens_by_modality": [{"modality": "image" if pictures else "text", "tokens": tokens}],
            },
        },
    )


def _before(service: Gemini, call: Call, body: dict[str, Any], model: str) -> dict[str, Any]:
    previous = body.get("previous_interaction_id")
    if previous is None:
        return {}
    found = service.interactions.get(previous)
    if found is None or service.options["interactions_expired"]:
        raise Rejected(404, f"Interaction {previous} not found or expired.")
    if found["key"] != call.headers["x-goog-api-key"] or found["model"] != model:
        raise Rejected(400, "previous_interaction_id belongs to another project or model.")
    return found


def _request(service: Gemini, call: Call, body: dict[str, Any], model: str) -> dict[str, Any]:
    steps = body.get("input")
    if isinstance(steps, str):
        steps = [{"type": "text", "text": steps}]
    if not steps:
        raise Rejected(400, "input must not be empty.")
    if steps[0].get("type") in {"text", "image"}:
        steps = [{"type": "user_input", "content": steps}]
    pictures: list[bytes] = []
    signature: bytes | None = None
    words: list[str] = []
    for step in steps:
        if step.get("type") == "thought":
            signature = decoded(step.get("signature") or "", alphabet="standard")
            continue
        if step.get("type") not in {"user_input", "model_output"}:
            raise Rejected(400, f"Unknown step type {step.get('type')!r}.")
        shown = []
        for block in step.get("content", []):
            if block.get("type") == "image":
                data = decoded(block.get("data", ""), alphabet="standard")
                service.check_picture(data, block.get("mime_type", ""))
                shown.append(data)
            elif block.get("type") != "text":
                raise Rejected(400, f"Unknown content type {block.get('type')!r}.")
        words = [block["text"] for block in step.get("content", []) if block.get("type") == "text"]
        if step["type"] == "model_output" and shown and signature != service.signature_for(model, call, shown[-1]):
            raise Rejected(400, "Thought signature is missing or not valid.")
        pictures += shown
    form = body.get("response_format") or []
    form = next((item for item in (form if isinstance(form, list) else [form]) if item.get("type") == "image"), {})
    if form.get("aspect_ratio") not in (None, *MODELS[model]["ratios"]) or form.get("image_size") not in (None, *SIZES):
        raise Rejected(400, "response_format.image is not supported.")
    return {
        "prompt": "\n".join(words),
        "pictures": tuple(pictures),
        "paints": "image" in (body.get("response_modalities") or []),
        "size": form.get("image_size", "1K"),
        "ratio": form.get("aspect_ratio"),
        "schema": None,
    }
