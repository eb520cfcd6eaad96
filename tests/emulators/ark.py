"""Emulates Volcengine Ark's image generation (Seedream): strict about keys, fields per model, sizes and input pictures.

Kind ``reply`` faults: ``partial_failure`` (``missing``: indexes), ``fewer`` (``made``), ``moderated`` (``code``), ``not_an_image``,
``expired``, ``elsewhere`` (``url``), ``b64``, ``no_data``, ``as_json`` (a stream wish answered whole), ``stream_cut`` and ``stream_error``
(``after`` pictures), ``stream_end`` (ends without its last event), ``unicode`` (U+2028 inside an event).
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import time
from typing import Any

from tests.emulators.drifting import drifted
from tests.emulators.painting import opened, painted
from tests.emulators.serving import Call, Emulator, Rejected, decoded, serve

KEY = "ark-emulator-key-0123456789"
COMMON = {"model", "prompt", "image", "size", "response_format", "watermark"}
SEQUENTIAL = {"sequential_image_generation", "sequential_image_generation_options", "stream"}
SIDES = {"1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096}
MOST = 16_777_216


def _model(sizes: str, references: int, least: int, more: set[str] = frozenset(), most: int = MOST) -> dict[str, Any]:  # type: ignore[assignment]
    return {"sizes": sizes.split(), "references": references, "least": least, "most": most, "fields": COMMON | more}


MODELS: dict[str, dict[str, Any]] = {
    "doubao-seedream-5-0-260128": _model("2K 3K 4K", 14, 3_686_400, SEQUENTIAL | {"output_format", "tools"}),
    "seedream-5-5-261028": _model("1K 1.5K 2K", 10, 921_600, {"output_format", "background", "layer_decomposition"}),
    "doubao-seedream-5-0-pro-260628": _model("1K 1.5K 2K", 10, 921_600, {"output_format", "background"}, 2048 * 2048),
    "seedream-5-0-flash-260915": _model("1K 1.5K 2K", 10, 921_600, {"output_format", "background"}, 2048 * 2048),
    "doubao-seedream-4-5-251128": _model("2K 4K", 14, 3_686_400, SEQUENTIAL),
    "doubao-seedream-4-0-250828": _model("1K 2K 4K", 14, 921_600, SEQUENTIAL | {"optimize_prompt_options"}),
    "doubao-seedream-3-0-t2i-250415": _model("", 0, 512 * 512, {"seed", "guidance_scale"}, 2048 * 2048),
    "doubao-seededit-3-0-i2i-250628": _model("", 1, 0, {"seed", "guidance_scale"}),
}
MODELS["ep-20261101-abcde"] = MODELS["doubao-seedream-4-5-251128"]
KINDS: dict[str, Any] = {
    "model": str,
    "prompt": str,
    "image": (str, list),
    "size": str,
    "response_format": str,
    "watermark": bool,
    "seed": int,
    "guidance_scale": (int, float),
    "output_format": str,
    "background": str,
    "layer_decomposition": dict,
    "tools": list,
    "optimize_prompt_options": dict,
    "stream": bool,
    "sequential_image_generation": str,
    "sequential_image_generation_options": dict,
}


class Ark(Emulator):
    """One account with one key."""

    name = "ark"
    defaults = {  # noqa: RUF012
        "keys": [KEY],
        "lifetime": 86_400.0,
        "pause": 0.0,
        "drift": None,  # what an edit does to its first picture, see drifting.py
    }

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, tuple[bytes, str, float]] = {}
        self.ids = itertools.count(1)

    def reset(self) -> None:
        super().reset()
        with self.lock:
            self.results.clear()

    def error_body(self, status: int, message: str) -> Any:
        code = {401: "AuthenticationError", 404: "InvalidEndpointOrModel.NotFound", 429: "RateLimitExceeded.EndpointRPMExceeded"}.get(
            status
        )
        code = code or ("InternalServiceError" if status >= 500 else "InvalidParameter")
        return _error(code, message)

    def answer(self, call: Call) -> None:
        match call.method, call.path:
            case "GET", path if path.startswith("/results/"):
                self._result(call)
            case "POST", "/api/v3/images/generations":
                self._authorise(call)
                self._generate(call)
            case "GET", "/api/v3/models":
                self._authorise(call)
                call.respond(
                    200, {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS if not name.startswith("ep-")]}
                )
            case _:
                call.respond(404, "<html><body>404 page not found</body></html>", {"Content-Type": "text/html"})

    def _authorise(self, call: Call) -> None:
        given = call.headers.get("authorization", "")
        if "cookie" in call.headers:
            raise Rejected(400, "this API takes no cookies")
        if given.removeprefix("Bearer ") not in self.options["keys"] or not given.startswith("Bearer "):
            raise Rejected(401, body=_error("AuthenticationError", f"The API key {given[7:]} doesn't exist."))

    def _result(self, call: Call) -> None:
        if "authorization" in call.headers or "cookie" in call.headers:
            raise Rejected(400, "InvalidArgument: a signed URL takes neither a key nor a cookie")
        found = self.results.get(call.path.rsplit("/", 1)[-1])
        if found is None or call.query.get("X-Tos-Signature") != found[1] or time.time() > found[2]:
            call.respond(
                403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", {"Content-Type": "application/xml"}
            )
            return
        call.respond(200, found[0], {"Content-Type": "image/jpeg"})

    def _generate(self, call: Call) -> None:
        wish = call.json()
        row = _checked(wish)
        images = [
            _picture(url, wish["model"]) for url in ([wish["image"]] if isinstance(wish.get("image"), str) else wish.get("image") or [])
        ]
        size = _size(wish, row, images)
        fault = call.fault or {}
        if fault.get("reply") == "moderated":
            code = fault.get("code", "InputTextSensitiveContentDetected")
            raise Rejected(400, body=_error(code, "The request failed because it may contain sensitive information."))
        most = 1
        if wish.get("sequential_image_generation") == "auto":
            most = wish.get("sequential_image_generation_options", {}).get("max_images", 15)
        if len(images) + most > 15 and most > 1:
            raise Rejected(400, body=_error("InvalidParameter", "references and max_images together must not exceed 15"))
        items: list[dict[str, Any]] = []
        for index in range(fault.get("made", most) if fault.get("reply") == "fewer" else most):
            if fault.get("reply") == "partial_failure" and index in fault.get("missing", [1]):
                items.append(
                    {
                        "error": {
                            "code": fault.get("code", "OutputImageSensitiveContentDetected"),
                            "message": "The output image may contain sensitive information.",
                        }
                    }
                )
            else:
                items.append(self._made(call, wish, images, size, index, fault))
        good = [item for item in items if "error" not in item]
        tokens = len(good) * size[0] * size[1] // 256
        usage: dict[str, Any] = {"generated_images": len(good), "output_tokens": tokens, "total_tokens": tokens}
        if images:
            usage["input_images"] = len(images)
        if wish.get("tools"):
            usage["tool_usage"] = {"web_search": 1}
        if wish.get("stream") and fault.get("reply") != "as_json":
            self._stream(call, wish, items, usage, fault)
            return
        call.wait(self.options["pause"]) if self.options["pause"] else None
        body: dict[str, Any] = {"model": wish["model"], "created": 1_795_000_000, "data": items, "usage": usage}
        if fault.get("reply") == "no_data":
            del body["data"]
        call.respond(200, body)

    def _made(
        self, call: Call, wish: dict[str, Any], images: list[bytes], size: tuple[int, int], index: int, fault: dict[str, Any]
    ) -> dict[str, Any]:
        kind = f"image/{wish.get('output_format', 'jpeg')}"
        variant = index + int(wish.get("seed", 0)) % 1000
        drift = self.options["drift"]
        data = (
            drifted(images[0], size, drift, kind)
            if images and drift is not None
            else painted(wish["prompt"], tuple(images), size, kind, variant=variant)
        )
        reply = fault.get("reply")
        if reply == "not_an_image":
            data = b"<html><body>not a picture</body></html>"
        facts: dict[str, Any] = {"size": f"{size[0]}x{size[1]}"}
        if wish.get("response_format") == "b64_json" or reply == "b64":
            return facts | {"b64_json": base64.b64encode(data).decode()}
        if reply == "elsewhere":
            return facts | {"url": fault["url"]}
        signature = hashlib.sha256(data + str(index).encode()).hexdigest()
        with self.lock:
            name = f"{next(self.ids):04d}.jpeg"
            self.results[name] = (data, signature, 0.0 if reply == "expired" else time.time() + self.options["lifetime"])
        return facts | {"url": f"{call.base_url}/results/{name}?X-Tos-Expires=86400&X-Tos-Signature={signature}"}

    def _stream(self, call: Call, wish: dict[str, Any], items: list[dict[str, Any]], usage: dict[str, Any], fault: dict[str, Any]) -> None:
        reply = fault.get("reply")
        call.start(200, {"Content-Type": "text/event-stream; charset=utf-8"})
        for index, item in enumerate(items):
            if reply in {"stream_cut", "stream_error"} and index == fault.get("after_pictures", 1):
                if reply == "stream_cut":
                    call.cut()
                else:
                    call.event({"type": "error", "error": {"code": "InternalServiceError", "message": "internal error"}}, "error")
                return
            kind = "image_generation.partial_failed" if "error" in item else "image_generation.partial_succeeded"
            extra = {"note": "line\u2028separator"} if reply == "unicode" else {}
            call.event({"type": kind, "model": wish["model"], "created": 1_795_000_000, "image_index": index, **item, **extra}, kind)
            call.wait(self.options["pause"]) if self.options["pause"] else None
        if reply == "stream_end":
            return
        call.event(
            {"type": "image_generation.completed", "model": wish["model"], "created": 1_795_000_000, "usage": usage},
            "image_generation.completed",
        )
        call.event("[DONE]")


def _error(code: str, message: str, param: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": f"{message} Request id: 0217", "param": param, "type": "BadRequest"}}


def _checked(wish: Any) -> dict[str, Any]:
    if not isinstance(wish, dict):
        raise Rejected(400, body=_error("InvalidParameter", "the body must be a JSON object"))
    for name in ("model", "prompt"):
        if not isinstance(wish.get(name), str) or not wish[name].strip():
            raise Rejected(400, body=_error("MissingParameter", f"The request is missing `{name}`", name))
    row = MODELS.get(wish["model"])
    if row is None:
        raise Rejected(
            404,
            body=_error(
                "InvalidEndpointOrModel.NotFound", f"The model or endpoint {wish['model']} does not exist or you do not have access to it."
            ),
        )
    for name, value in wish.items():
        if name not in row["fields"]:
            raise Rejected(
                400,
                body=_error("InvalidParameter", f"The parameter `{name}` specified in the request is not supported by this model.", name),
            )
        wanted = KINDS[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise Rejected(400, body=_error("InvalidParameter", f"The parameter `{name}` has the wrong type.", name))
    choices = {
        "response_format": {"url", "b64_json"},
        "output_format": {"jpeg", "png"},
        "sequential_image_generation": {"auto", "disabled"},
    }
    for name, allowed in choices.items():
        if name in wish and wish[name] not in allowed:
            raise Rejected(400, body=_error("InvalidParameter", f"`{name}` must be one of {sorted(allowed)}", name))
    if not -1 <= wish.get("seed", 0) <= 2_147_483_647:
        raise Rejected(400, body=_error("InvalidParameter", "seed out of range", "seed"))
    if not 1 <= wish.get("guidance_scale", 1) <= 10:
        raise Rejected(400, body=_error("InvalidParameter", "guidance_scale out of range", "guidance_scale"))
    most = wish.get("sequential_image_generation_options", {}).get("max_images", 1)
    if type(most) is not int or not 1 <= most <= 15:
        raise Rejected(400, body=_error("InvalidParameter", "max_images must be 1 to 15"))
    count = 0 if "image" not in wish else 1 if isinstance(wish["image"], str) else len(wish["image"])
    if count > row["references"]:
        raise Rejected(400, body=_error("InvalidParameter", f"at most {row['references']} reference images", "image"))
    if wish["model"].startswith("doubao-seededit") and not count:
        raise Rejected(400, body=_error("MissingParameter", "The request is missing `image`", "image"))
    return row


def _picture(url: Any, model: str) -> bytes:
    # The 3.0 models take fewer formats; only pro takes larger files.
    kinds = "png|jpeg" if "-3-0-" in model else "png|jpeg|webp|bmp|tiff|gif"
    most = 30_000_000 if "-pro-" in model else 10_000_000
    match = re.fullmatch(rf"data:image/({kinds});base64,(.+)", url if isinstance(url, str) else "", re.DOTALL)
    if match is None:
        raise Rejected(400, body=_error("InvalidParameter", "image must be a URL or data:image/<lower-case format>;base64,<data>", "image"))
    data = decoded(match[2], alphabet="standard")
    if len(data) > most:
        raise Rejected(400, body=_error("InvalidParameter", f"the input image is larger than {most // 1_000_000} MB", "image"))
    try:
        kind, (width, height) = opened(data)
    except Rejected as no:
        raise Rejected(400, body=_error("InvalidParameter", "the input image cannot be decoded", "image")) from no
    if kind != f"image/{match[1]}":
        raise Rejected(400, body=_error("InvalidParameter", f"the input image is {kind}, not image/{match[1]}", "image"))
    if min(width, height) <= 14 or max(width, height) > 16 * min(width, height) or width * height > 36_000_000:
        raise Rejected(400, body=_error("InvalidParameter", f"the input image has an invalid size {width}x{height}", "image"))
    return data


def _size(wish: dict[str, Any], row: dict[str, Any], images: list[bytes]) -> tuple[int, int]:
    text = wish.get("size")
    if wish["model"].startswith("doubao-seededit"):
        if text not in {None, "adaptive"}:
            raise Rejected(400, body=_error("InvalidParameter", "size must be adaptive", "size"))
        return opened(images[0])[1]
    if text is None:
        text = "1024x1024" if "3-0-t2i" in wish["model"] else "2048x2048"
    if text in SIDES:
        if text not in row["sizes"]:
            raise Rejected(400, body=_error("InvalidParameter", f"size must be one of {row['sizes']}", "size"))
        return SIDES[text], SIDES[text]
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if not match:
        raise Rejected(400, body=_error("InvalidParameter", f"size {text!r} is not valid", "size"))
    width, height = int(match[1]), int(match[2])
    if not row["least"] <= width * height <= row["most"]:
        raise Rejected(
            400, body=_error("InvalidParameter", f"image size must be at least {row['least']} pixels and at most {row['most']}", "size")
        )
    if abs(math.log(width / height)) > math.log(16.0001) or (
        "3-0-t2i" in wish["model"] and not 512 <= min(width, height) <= max(width, height) <= 2048
    ):
        raise Rejected(400, body=_error("InvalidParameter", f"size {text} has an invalid shape", "size"))
    return width, height


if __name__ == "__main__":
    serve(Ark())
