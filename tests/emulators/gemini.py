"""The Gemini API on 127.0.0.1: generateContent, streamGenerateContent, interactions and models, as strict as can be. The same models on
Google Cloud, with a project, a location and tokens: gemini_cloud.py.

Scripted replies (kind ``reply``, see faults.py): ``blocked`` (reason), ``finish`` (reason, message), ``text_only`` (text), ``empty_parts``,
``no_candidates``, ``two_pictures``, ``thought_picture``, ``jpeg_as_png``, ``jpeg``, ``garbage``, ``wrong_size``, ``refuses_signature``, ``quota`` (per_day,
limit, seconds), ``bad_key`` (status, echo), ``cut_stream``, ``slow_stream`` (seconds), ``failed`` (interactions: code, message), ``unknown_finish``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import re
import struct
import zlib
from typing import Any

from tests.emulators.drifting import drifted
from tests.emulators.gemini_batches import serve_batches, upload
from tests.emulators.gemini_cloud import identity, on_cloud
from tests.emulators.gemini_interactions import interact
from tests.emulators.gemini_shapes import BLOBS, INLINE_LIMIT, MODELS, PICTURE_TOKENS, check_fields, example, frame_of
from tests.emulators.painting import opened, painted, textured, weighted
from tests.emulators.serving import Call, Emulator, Rejected, decoded, serve

SECRET = b"only the emulator can make signatures"
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Gemini(Emulator):
    """The service. Options: see `defaults`."""

    name = "the Gemini API"
    defaults = {  # noqa: RUF012
        "key": "",  # the only key that is taken; empty takes any
        "signature_bytes": 64,  # of each thought signature; the real ones are up to 1 MB
        "picture_bytes": 0,  # least size of a picture
        "mime_type": "image/png",  # of pictures
        "latency": 0.0,  # seconds before each answer
        "says": "Here is your picture.",  # text beside a picture; "" for none
        "answer": "",  # text of an answer to a question; "" for one that names prompt and pictures
        "boxes": [{"box_2d": [100, 200, 500, 600], "label": "cat"}],
        "interactions_expired": False,  # every earlier interaction is unknown
        "usage": True,
        "drift": None,  # what an edit does to the first picture of its message, see drifting.py; None paints over the last one
        "project": "picture-lab",  # the one project on Google Cloud
        "locations": ["global", "europe-west4"],  # where that project finds the models
        "token_seconds": 3600,  # how long a token is good
        "revoked": False,  # the service account gives no token any more
        "batches": "succeeded",  # how batches stand, see gemini_batches.py
        "batch_rows": 1,  # rows that were done before a batch expired or was cancelled
        "canned": 0,  # bytes: answer at once with one picture, a few bytes different each time, and check nothing (for measuring)
    }

    def __init__(self) -> None:
        super().__init__()
        self.interactions: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, float] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.results: dict[str, bytes] = {}

    def reset(self) -> None:
        super().reset()
        self.interactions.clear()
        for kept in (self.tokens, self.jobs, self.uploads, self.results):
            kept.clear()

    def error_body(self, status: int, message: str, details: list[Any] | None = None) -> Any:
        error: dict[str, Any] = {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN")}
        return {"error": error | ({"details": details} if details else {})}

    def answer(self, call: Call) -> None:
        if self.options["canned"] and call.path.endswith(":generateContent"):
            call.wait(self.options["latency"])
            call.respond(200, self._canned(call))
            return
        if on_cloud(self, call):
            return
        uploads = call.method == "POST" and call.path.startswith("/upload/v1")
        if not uploads or call.headers.get("x-goog-upload-command") == "start":  # the URL of an upload is its own key
            self._check_key(call)
        if uploads:
            upload(self, call)
            return
        match = re.fullmatch(r"/(v1|v1beta)/(.+)", call.path)
        if not match:
            raise Rejected(404, body="<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")
        what = match[2]
        if call.method == "GET" and what == "models":
            call.respond(
                200, {"models": [{"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]} for name in MODELS]}
            )
        elif call.method == "GET" and (found := re.fullmatch(r"models/([^/:]+)", what)):
            call.respond(200, {"name": f"models/{self.known_model(found[1])}"})
        elif call.method == "POST" and (found := re.fullmatch(r"models/([^/:]+):(generateContent|streamGenerateContent)", what)):
            if found[2] == "streamGenerateContent" and call.query.get("alt") != "sse":
                raise Rejected(400, "this emulator streams with alt=sse only")
            self.generate(call, self.known_model(found[1]), streams=found[2] == "streamGenerateContent")
        elif serve_batches(self, call, what):
            return
        elif call.method == "POST" and what == "interactions":
            interact(self, call)
        elif call.method == "GET" and (found := re.fullmatch(r"interactions/([^/]+)", what)):
            if found[1] not in self.interactions:
                raise Rejected(404, f"Interaction {found[1]} not found.")
            call.respond(200, {"id": found[1], "status": "completed", "steps": []})
        else:
            raise Rejected(404, f"{call.method} {call.path} is not found.")

    def short(self, call: Call) -> Any:
        return None if self.options["canned"] else super().short(call)

    def _canned(self, call: Call) -> bytes:
        """A whole answer, made of ready pieces, so that it is the client that is measured."""
        weight = self.options["canned"]
        side = 1024 if weight >= 500_000 else 256
        picture = weighted(textured((side, side)), weight, b"canned")
        # The last four bytes of a chunk's content and its checksum differ from call to call.
        chunk = b"caLl" + call.number.to_bytes(8, "big")
        data = picture[:33] + struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk)) + picture[33:]
        part = b'{"inlineData": {"mimeType": "image/png", "data": "' + base64.urlsafe_b64encode(data) + b'"}}'
        head = b'{"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": ['
        return head + part + b"]}}]}"

    def _check_key(self, call: Call) -> None:
        key = call.headers.get("x-goog-api-key", "")
        if "key" in call.query:
            raise Rejected(400, "the key belongs into the header x-goog-api-key")
        if not key:
            raise Rejected(403, "Method doesn't allow unregistered callers (callers without established identity).")
        if self.options["key"] and key != self.options["key"]:
            detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            raise Rejected(400, body=self.error_body(400, "API key not valid. Please pass a valid API key.", [detail]))
        fault = call.fault or {}
        if fault.get("reply") == "bad_key":
            status = fault.get("status", 403)
            raise Rejected(
                status,
                f"Permission denied for API key {key if fault.get('echo') else ''} (consumer {key[:14] if fault.get('echo') else ''}...).",
            )
        if fault.get("reply") == "quota":
            raise Rejected(429, body=self._quota(fault))

    def _quota(self, fault: dict[str, Any]) -> Any:
        day = bool(fault.get("per_day"))
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": "GenerateRequestsPerDayPerProjectPerModel" if day else "GenerateRequestsPerMinutePerProjectPerModel",
            "quotaValue": str(fault.get("limit", 10)),
        }
        details: list[Any] = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
        if "seconds" in fault:
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{fault['seconds']}s"})
        return self.error_body(429, "You exceeded your current quota, please check your plan and billing details.", details)

    def known_model(self, name: str) -> str:
        if name not in MODELS:
            raise Rejected(404, f"models/{name} is not found for API version v1, or is not supported for generateContent.")
        return name

    # generateContent

    def generate(self, call: Call, model: str, *, streams: bool) -> None:
        request = self.checked(call, model)
        fault = call.fault or {}
        call.wait(self.options["latency"])
        if fault.get("reply") == "refuses_signature":
            raise Rejected(
                400, "Image part is missing a thought_signature in content position 2, part position 1. Please refer to the documentation."
            )
        reply = self.reply(call, model, request, fault)
        if not streams:
            call.respond(200, reply)
            return
        call.start(200, {"Content-Type": "text/event-stream"})
        for number, piece in enumerate(self._pieces(reply)):
            if number == 1 and fault.get("reply") == "cut_stream":
                call.cut()
                return
            if number and fault.get("reply") == "slow_stream":
                call.wait(float(fault.get("seconds", 30)))
            call.event(piece)

    def checked(self, call: Call, model: str) -> dict[str, Any]:
        """Check a generateContent request in all parts; return prompt, pictures and the wished form."""
        if len(call.body) > INLINE_LIMIT:
            raise Rejected(400, f"Request payload size exceeds the limit: {INLINE_LIMIT} bytes.")
        body = call.json()
        check_fields(body, cloud="authorization" in call.headers)
        facts = MODELS[model]
        contents = body.get("contents") or []
        if not contents or contents[-1].get("role", "user") != "user" or contents[0].get("role", "user") != "user":
            raise Rejected(400, "Please ensure that multiturn requests alternate between user and model and end with a user turn.")
        prompt, pictures, latest = [], [], ()
        for position, content in enumerate(contents, 1):
            role, parts = content.get("role", "user"), content.get("parts") or []
            if not parts:
                raise Rejected(400, "* GenerateContentRequest.contents: contents.parts must not be empty.")
            found = [self._part(part, role, model, call, (position, at)) for at, part in enumerate(parts, 1)]
            pictures += [data for data in found if isinstance(data, bytes)]
            if content is contents[-1]:
                latest = tuple(data for data in found if isinstance(data, bytes))
                prompt = [text for text in found if isinstance(text, str)]
                if sum(isinstance(data, bytes) for data in found) > facts["pictures"]:
                    raise Rejected(400, f"At most {facts['pictures']} images are supported.")
        config = body.get("generationConfig", {})
        modalities = config.get("responseModalities", ["TEXT"])
        wants_picture = "IMAGE" in modalities
        image = config.get("imageConfig", {})
        if wants_picture and not facts["sizes"]:
            raise Rejected(400, f"{model} does not support the requested response modalities: image")
        if image.get("aspectRatio") not in (None, *facts["ratios"]):
            raise Rejected(400, f"aspect_ratio must be one of {facts['ratios']}")
        if image.get("imageSize") not in (None, *facts["sizes"]):
            raise Rejected(400, f"image_size must be one of {facts['sizes']}")
        return {
            "prompt": "\n".join(prompt),
            "pictures": tuple(pictures),
            "latest": latest,
            "paints": wants_picture,
            "size": image.get("imageSize", "1K"),
            "ratio": image.get("aspectRatio"),
            "schema": config.get("responseJsonSchema") or config.get("responseSchema"),
        }

    def _part(self, part: dict[str, Any], role: str, model: str, call: Call, where: tuple[int, int]) -> str | bytes:
        blob = part.get("inlineData") or part.get("inline_data")
        content: str | bytes = part.get("text", "")
        if blob:
            content = decoded(blob.get("data", ""), alphabet="urlsafe")
            # What the service itself mislabelled it has to take back as it was.
            self.check_picture(content, blob.get("mimeType") or blob.get("mime_type") or "", exact=role == "user")
        elif "text" not in part:
            raise Rejected(400, "contents.parts.data: required oneof field 'data' must have one initialized field")
        if role != "model" or not MODELS[model]["signs"]:
            return content
        signature = part.get("thoughtSignature") or part.get("thought_signature")
        if signature:
            if decoded(signature, alphabet="urlsafe") != self.signature_for(model, call, content):
                raise Rejected(400, "Thought signature is not valid.")
        elif blob and not part.get("thought"):
            raise Rejected(400, f"Image part is missing a thought_signature in content position {where[0]}, part position {where[1]}.")
        return content

    def check_picture(self, data: bytes, declared: str, *, exact: bool = True) -> None:
        if declared not in BLOBS:
            raise Rejected(400, f"Unsupported MIME type: {declared}")
        if opened(data)[0] != declared and exact:
            raise Rejected(400, f"The image is no {declared}.")

    def signature_for(self, model: str, call: Call, content: str | bytes) -> bytes:
        """A signature fits one content of one model and one key, and needs no memory to be checked."""
        data = content.encode() if isinstance(content, str) else content
        mark = hmac.new(SECRET, f"{model}|{identity(call)}|".encode() + hashlib.sha256(data).digest(), hashlib.sha256).digest()
        return mark + random.Random(mark).randbytes(max(0, self.options["signature_bytes"] - len(mark)))

    def _signed(self, call: Call, model: str, content: str | bytes, mime_type: str = "") -> dict[str, Any]:
        if isinstance(content, str):
            part: dict[str, Any] = {"text": content}
        else:
            part = {"inlineData": {"mimeType": mime_type, "data": base64.urlsafe_b64encode(content).decode()}}
        if MODELS[model]["signs"]:
            part["thoughtSignature"] = base64.urlsafe_b64encode(self.signature_for(model, call, content)).decode()
        return part

    def reply(self, call: Call, model: str, request: dict[str, Any], fault: dict[str, Any]) -> dict[str, Any]:
        kind = fault.get("reply", "")
        if kind == "blocked":
            return {
                "promptFeedback": {"blockReason": fault.get("reason", "SAFETY")},
                "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12},
            }
        if kind == "no_candidates":
            return {"usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12}}
        candidate: dict[str, Any] = {"index": 0, "finishReason": "STOP"}
        if kind in {"finish", "empty_parts"}:
            candidate["finishReason"] = fault.get("reason", "IMAGE_SAFETY" if kind == "finish" else "STOP")
            if fault.get("message"):
                candidate["finishMessage"] = fault["message"]
            candidate["content"] = {"role": "model"} | ({"parts": [{"text": fault["text"]}]} if fault.get("text") else {})
        elif kind == "text_only":
            candidate["content"] = {"role": "model", "parts": [{"text": fault.get("text", "I would rather talk about it.")}]}
        else:
            candidate["content"] = {"role": "model", "parts": self.reply_parts(call, model, request, kind)}
            candidate["finishReason"] = "QUANTUM_FLUCTUATION" if kind == "unknown_finish" else "STOP"
        pictures = sum("inlineData" in part for part in candidate["content"].get("parts", []))
        tokens = {"IMAGE": pictures * PICTURE_TOKENS[request["size"]]} if pictures else {"TEXT": 9}
        given = {"TEXT": max(1, len(request["prompt"]) // 4), "IMAGE": 1120 * len(request["pictures"])}
        usage = {
            "promptTokenCount": sum(given.values()),
            "candidatesTokenCount": sum(tokens.values()),
            "thoughtsTokenCount": 7,
            "totalTokenCount": sum(given.values()) + sum(tokens.values()) + 7,
            "promptTokensDetails": [{"modality": name, "tokenCount": count} for name, count in given.items() if count],
            "candidatesTokensDetails": [{"modality": name, "tokenCount": count} for name, count in tokens.items()],
        }
        reply = {"candidates": [candidate], "modelVersion": model, "responseId": f"reply-{call.number}"}
        return reply | ({"usageMetadata": usage} if self.options["usage"] else {})

    def reply_parts(self, call: Call, model: str, request: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        if not request["paints"]:
            return [self._signed(call, model, self._words(request))]
        parts = [self._signed(call, model, self.options["says"])] if self.options["says"] else []
        if kind == "thought_picture":
            parts.insert(0, {"text": "Let me sketch this first.", "thought": True})
            sketch = painted("sketch", (), (128, 128))
            parts.insert(1, {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(sketch).decode()}, "thought": True})
        if kind == "garbage":
            return [*parts, self._signed(call, model, b"these bytes are no picture at all", "image/png")]
        for variant in range(2 if kind == "two_pictures" else 1):
            data, declared = self._paint(call, request, kind, variant)
            parts.append(self._signed(call, model, data, declared))
        return parts

    def _paint(self, call: Call, request: dict[str, Any], kind: str, variant: int) -> tuple[bytes, str]:
        mime_type = "image/jpeg" if kind in {"jpeg", "jpeg_as_png"} else self.options["mime_type"]
        size = (640, 400) if kind == "wrong_size" else frame_of(request["ratio"], request["size"], request["pictures"])
        weight = self.options["picture_bytes"]
        edited = request.get("latest") or request["pictures"][-1:]
        if self.options["drift"] is not None and edited:
            return drifted(edited[0], size, self.options["drift"], mime_type), mime_type
        # The number of the call keeps parallel pictures of one prompt apart.
        data = painted(request["prompt"], request["pictures"][-1:], size, mime_type, weight, call.number * 10 + variant)
        return data, "image/png" if kind == "jpeg_as_png" else mime_type

    def _words(self, request: dict[str, Any]) -> str:
        if self.options["answer"]:
            return str(self.options["answer"])
        if "box_2d" in request["prompt"] or "box_2d" in json.dumps(request["schema"]):
            text = json.dumps(self.options["boxes"])
            return text if request["schema"] else f"```json\n{text}\n```"
        if request["schema"]:
            return json.dumps(example(request["schema"]))
        return f"You asked {request['prompt']!r} about {len(request['pictures'])} picture(s)."

    def _pieces(self, reply: dict[str, Any]) -> list[dict[str, Any]]:
        """Cut a reply into the chunks of a stream: texts in words, the usage with the last one."""
        if not reply.get("candidates"):
            return [reply]
        candidate = reply["candidates"][0]
        parts: list[dict[str, Any]] = []
        for part in candidate["content"].get("parts", []):
            words = re.findall(r"\S+\s*", part["text"]) if "text" in part else []
            parts += [{"text": word} for word in words[:-1]] + [part | ({"text": words[-1]} if words else {})]
        pieces = [{"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]} for part in parts[:-1]]
        last = {**reply, "candidates": [{**candidate, "content": {"role": "model", "parts": parts[-1:]}}]}
        return [*pieces, last]


if __name__ == "__main__":
    serve(Gemini())
