"""Emulates fal's queue: strict about the key, the fields of each address and the pictures that are sent; results by URL.

Options: ``looks`` (how often a request is seen waiting, then working), ``before`` (requests before it), ``lifetime`` of result URLs, seconds.
Kind ``reply`` faults, taken when a request is handed in: ``moderated`` (``place``), ``broken`` (``status``, ``type``: how the job ends),
``black`` (the safety checker), ``inline`` (data URLs), ``expired`` (the picture's URL), ``elsewhere`` (``url``: where the picture is said
to be, ``address``: where the request is said to be), ``no_id``, ``no_picture``.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import time
import uuid
from typing import Any

from tests.emulators.painting import opened, painted
from tests.emulators.serving import Call, Emulator, Rejected, decoded, serve

KEY = "fal-emulator-key-0123456789:abcdef"
SIZED = {"prompt": str, "image_size": dict, "seed": int}
FLUX = {**SIZED, "output_format": str, "safety_tolerance": str}
DEV = {**SIZED, "num_images": int, "guidance_scale": float, "num_inference_steps": int, "output_format": str}
KONTEXT = {
    "prompt": str, "seed": int, "aspect_ratio": str, "num_images": int, "guidance_scale": float, "output_format": str,
    "safety_tolerance": str,
}  # fmt: skip
QWEN = {**DEV, "negative_prompt": str}
MODELS: dict[str, dict[str, type]] = {
    "fal-ai/flux-2-pro": FLUX,
    "fal-ai/flux-2-pro/edit": {**FLUX, "image_urls": list},
    "fal-ai/flux-2": DEV,
    "fal-ai/flux-2/edit": {**DEV, "image_urls": list},
    "fal-ai/flux-pro/kontext": {**KONTEXT, "image_url": str},
    "fal-ai/flux-pro/kontext/text-to-image": KONTEXT,
    "fal-ai/flux-pro/kontext/multi": {**KONTEXT, "image_urls": list},
    "fal-ai/flux-pro/kontext/max": {**KONTEXT, "image_url": str},
    "fal-ai/flux-pro/kontext/max/text-to-image": KONTEXT,
    "fal-ai/flux-pro/kontext/max/multi": {**KONTEXT, "image_urls": list},
    "fal-ai/qwen-image": QWEN,
    "fal-ai/qwen-image-edit": {**QWEN, "image_url": str},
    "fal-ai/qwen-image-edit-plus": {**QWEN, "image_urls": list},
    "fal-ai/qwen-image-edit/inpaint": {**QWEN, "image_url": str, "mask_url": str, "strength": float},
    "fal-ai/bytedance/seedream/v4.5/text-to-image": {**SIZED, "num_images": int},
    "fal-ai/bytedance/seedream/v4.5/edit": {**SIZED, "num_images": int, "image_urls": list},
    "fal-ai/recraft/v3/text-to-image": {"prompt": str, "image_size": dict, "style": str},
    "fal-ai/recraft/v3/image-to-image": {"prompt": str, "strength": float, "style": str, "negative_prompt": str, "image_url": str},
    "fal-ai/flux-pro/v1/fill": {
        "prompt": str, "seed": int, "num_images": int, "output_format": str, "safety_tolerance": str, "image_url": str, "mask_url": str,
    },
    "fal-ai/bria/background/remove": {"image_url": str},
    "fal-ai/birefnet/v2": {"image_url": str, "model": str},
    "fal-ai/recraft/upscale/crisp": {"image_url": str},
    "fal-ai/clarity-upscaler": {
        "prompt": str, "seed": int, "negative_prompt": str, "upscale_factor": float, "guidance_scale": float,
        "num_inference_steps": int, "image_url": str,
    },
    "someone/strange-model": {**SIZED, "image_url": str},
}  # fmt: skip
CUT_OUTS = {"fal-ai/bria/background/remove", "fal-ai/birefnet/v2", "fal-ai/recraft/upscale/crisp", "fal-ai/clarity-upscaler"}
"""Those that answer with ``image`` in place of ``images``."""


class Fal(Emulator):
    """One account with one key."""

    name = "fal"
    defaults = {"keys": [KEY], "looks": 1, "before": 0, "lifetime": 600.0}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, tuple[bytes, float]] = {}
        self.ids = itertools.count(1)

    def reset(self) -> None:
        super().reset()
        with self.lock:
            self.jobs.clear()
            self.files.clear()

    def error_body(self, status: int, message: str) -> Any:
        kind = {500: "internal_error", 503: "runner_scheduling_failure", 504: "request_timeout"}.get(status)
        return {"detail": message, **({"error_type": kind} if kind else {})}

    def answer(self, call: Call) -> None:
        if call.method == "GET" and call.path.startswith("/files/"):
            self._file(call)
            return
        if call.headers.get("authorization", "") not in {f"Key {key}" for key in self.options["keys"]}:
            raise Rejected(401, f"No user found for Key ID and Secret {call.headers.get('authorization', '')[4:]}")
        found = re.fullmatch(r"/(.+?)/requests/([\w-]+)(/status|/cancel)?", call.path)
        if found is None:
            if call.method != "POST":
                raise Rejected(405, "Method Not Allowed")
            self._take(call, call.path.strip("/"))
            return
        job = self.jobs.get(found[2])
        if job is None or job["app"] != found[1]:
            raise Rejected(404, f"Request {found[2]} not found")
        match call.method, found[3]:
            case "GET", "/status":
                self._status(call, job)
            case "GET", None:
                self._result(call, job)
            case "PUT", "/cancel":
                self._cancel(call, job)
            case _:
                raise Rejected(405, "Method Not Allowed")

    def _take(self, call: Call, endpoint: str) -> None:
        if endpoint not in MODELS:
            raise Rejected(404, f"Application '{endpoint.rpartition('/')[2]}' not found")
        wish = call.json()
        if not isinstance(wish, dict):
            raise Rejected(422, body=_invalid(["body"], "Input should be a valid dictionary", "dict_type"))
        fault = call.fault or {}
        app = "/".join(endpoint.split("/")[:2])
        name = str(uuid.uuid4())
        with self.lock:
            self.jobs[name] = {"id": name, "app": app, "endpoint": endpoint, "wish": wish, "looks": 0, "fault": fault, "state": "IN_QUEUE"}
        # Addresses of a request leave out what stands behind OWNER/MODEL.
        place = f"{fault.get('address') or call.base_url}/{app}/requests/{name}"
        body = {
            "request_id": name, "response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel", "queue_position": 0,
        }  # fmt: skip
        if fault.get("reply") == "no_id":
            body = {"status": "IN_QUEUE"}
        call.respond(200, body)

    def _status(self, call: Call, job: dict[str, Any]) -> None:
        with self.lock:
            job["looks"] += 1
            if job["state"] != "COMPLETED":
                looks, seen = self.options["looks"], job["looks"]
                job["state"] = "IN_QUEUE" if seen <= looks else "IN_PROGRESS" if seen <= 2 * looks else "COMPLETED"
        body: dict[str, Any] = {"status": job["state"], "request_id": job["id"]}
        if job["state"] == "IN_QUEUE":
            body["queue_position"] = self.options["before"]
        if job["state"] == "COMPLETED":
            body["metrics"] = {"inference_time": 1.5}
        call.respond(200 if job["state"] == "COMPLETED" else 202, body)

    def _cancel(self, call: Call, job: dict[str, Any]) -> None:
        with self.lock:
            state, taken = job["state"], job["state"] == "IN_QUEUE"
            if taken:
                job["state"], job["fault"] = "COMPLETED", {"reply": "broken", "status": 499, "type": "client_cancelled"}
        if state == "COMPLETED":
            call.respond(400, {"status": "ALREADY_COMPLETED"})
        else:
            call.respond(200 if taken else 202, {"status": "OK" if taken else "CANCELLATION_REQUESTED"})

    def _result(self, call: Call, job: dict[str, Any]) -> None:
        if job["state"] != "COMPLETED":
            raise Rejected(400, "Request is still in progress")
        fault, wish = job["fault"], job["wish"]
        if fault.get("reply") == "broken":
            raise Rejected(
                fault["status"], body={"detail": "The runner failed.", **({"error_type": fault["type"]} if fault.get("type") else {})}
            )
        images = _checked(job["endpoint"], wish)
        if fault.get("reply") == "moderated":
            place = fault.get("place", "prompt")
            raise Rejected(422, body=_invalid(["body", place], "The content could not be processed.", "content_policy_violation"))
        count = 0 if fault.get("reply") == "no_picture" else wish.get("num_images", 1)
        made = [self._made(call, job, images, index) for index in range(count)]
        body: dict[str, Any] = {"images": made}
        if job["endpoint"] in CUT_OUTS:
            body = {"image": made[0]} if made else {}
        elif "seed" in MODELS[job["endpoint"]]:
            body |= {"seed": wish.get("seed", 7), "prompt": wish["prompt"], "timings": {"inference": 1.4}}
            body["has_nsfw_concepts"] = [fault.get("reply") == "black" and index == 0 for index in range(count)]
        call.respond(200, body)

    def _made(self, call: Call, job: dict[str, Any], images: list[bytes], index: int) -> dict[str, Any]:
        wish, fault = job["wish"], job["fault"]
        size = wish.get("image_size") or {}
        frame = (size["width"], size["height"]) if size else opened(images[0])[1] if images else (1024, 1024)
        if "upscale" in job["endpoint"] or "upscaler" in job["endpoint"]:
            frame = (frame[0] * 2, frame[1] * 2)
        kind = f"image/{wish.get('output_format', 'png')}"
        data = painted(wish.get("prompt", ""), tuple(images), frame, kind, variant=index + wish.get("seed", 0) % 1000)
        facts = {"width": frame[0], "height": frame[1], "content_type": kind}
        if fault.get("reply") == "inline":
            return facts | {"url": f"data:{kind};base64,{base64.b64encode(data).decode()}"}
        if fault.get("reply") == "elsewhere":
            return facts | {"url": fault["url"]}
        with self.lock:
            name = f"{next(self.ids):04d}-{hashlib.sha256(data).hexdigest()[:12]}.{kind[6:]}"
            self.files[name] = (data, 0.0 if fault.get("reply") == "expired" else time.time() + self.options["lifetime"])
        return facts | {"url": f"{call.base_url}/files/{name}", "file_name": name, "file_size": len(data)}

    def _file(self, call: Call) -> None:
        if "authorization" in call.headers or "cookie" in call.headers:
            raise Rejected(400, "the storage takes no key")
        data, until = self.files.get(call.path.rsplit("/", 1)[-1], (b"", 0.0))
        if time.time() > until:
            call.respond(404, "<html>404</html>", {"Content-Type": "text/html"})
        else:
            call.respond(200, data, {"Content-Type": "image/png"})


def _invalid(place: list[str], message: str, kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": place, "msg": message, "type": kind, "url": f"https://docs.fal.ai/errors#{kind}"}]}


def _checked(endpoint: str, wish: dict[str, Any]) -> list[bytes]:
    """What the model's own validation says, in the result of the request; return its pictures."""
    fields = MODELS[endpoint]
    for name in ("prompt", "image_url", "image_urls", "mask_url"):
        optional = name == "prompt" and endpoint == "fal-ai/clarity-upscaler"
        if name in fields and name not in wish and not optional:
            raise Rejected(422, body=_invalid(["body", name], "Field required", "missing"))
    for name, value in wish.items():
        # Fields a model does not know are passed over, as its schema has it; wrong types are not.
        wanted = (int, float) if fields.get(name) is float else fields.get(name, object)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not object):
            raise Rejected(422, body=_invalid(["body", name], "Input should be valid", "type_error"))
    if not 1 <= wish.get("num_images", 1) <= 4:
        raise Rejected(422, body=_invalid(["body", "num_images"], "Input should be less than or equal to 4", "less_than_equal"))
    size = wish.get("image_size") or {"width": 1024, "height": 1024}
    if set(size) != {"width", "height"} or not all(isinstance(side, int) and 64 <= side <= 14142 for side in size.values()):
        raise Rejected(422, body=_invalid(["body", "image_size"], "Input should be a valid size", "value_error"))
    listed = wish.get("image_urls", [wish["image_url"]] if "image_url" in wish else [])
    images = [_picture(url) for url in listed]
    if "mask_url" in wish and opened(_picture(wish["mask_url"]))[1] != opened(images[0])[1]:
        raise Rejected(422, body=_invalid(["body", "mask_url"], "Mask and image must have the same size", "value_error"))
    return images


def _picture(url: Any) -> bytes:
    match = re.fullmatch(r"data:image/(png|jpeg|webp);base64,(.+)", url if isinstance(url, str) else "", re.DOTALL)
    if match is None:
        raise Rejected(422, body=_invalid(["body", "image_url"], "Failed to download the file.", "file_download_error"))
    data = decoded(match[2], alphabet="standard")
    try:
        kind, _size = opened(data)
    except Rejected as no:
        raise Rejected(422, body=_invalid(["body", "image_url"], "Failed to load the image.", "image_load_error")) from no
    if kind != f"image/{match[1]}":
        raise Rejected(422, body=_invalid(["body", "image_url"], "Unsupported data URL", "file_download_error"))
    return data


if __name__ == "__main__":
    serve(Fal())
