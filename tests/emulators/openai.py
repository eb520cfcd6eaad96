"""Emulates OpenAI's API and servers like it: chat, images, responses with the image tool, models.

The same behind an Azure resource, with deployments of its own: openai_azure.py. Strict where the real one is: keys, field names, data URLs, form parts, masks, sizes. What other servers do differently is switched
by options (see `defaults`). Run ``python -m tests.emulators.openai``; the base URL is the printed URL with ``/v1``.

``{"kind": "reply", "reply": ...}`` plays: refuse_prompt, refuse_output, error_in_200, refusal, content_filter, length, text_only,
azure_filter, say (with ``text``), cut_stream, end_early, hang_midway, error_midway, no_pictures, bad_picture, one_fails, two_pictures_short, url (with ``url``).
"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

from PIL import Image, ImageChops

from tests.emulators.drifting import drifted
from tests.emulators.openai_azure import through_azure
from tests.emulators.openai_batches import serve_batches
from tests.emulators.openai_chat import answer_chat
from tests.emulators.painting import opened, painted
from tests.emulators.serving import Call, Emulator, Rejected, decoded, serve

MODELS = ["gpt-6.1-terra", "gpt-6-astra", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-1.5", "text-embedding-4"]
PICTURE_FIELDS = {
    "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation", "complexity",
    "stream", "partial_images",
}  # fmt: skip
FIDELITY = {"gpt-image-1.5": {"low", "high"}, "gpt-image-1-mini": {"low"}}
"""What edits take as input_fidelity; other models do not take it at all."""
SERVER_FIELDS = {
    "model",
    "prompt",
    "n",
    "size",
    "response_format",
    "seed",
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
    "quality",
}
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class OpenAI(Emulator):
    """The service."""

    name = "openai"
    defaults = {  # noqa: RUF012 - read only
        "key": "test-key-0123456789",
        "models": MODELS,
        "model_facts": {},  # by name: what /models tells besides, as OpenRouter and others do
        "blind": [],  # models that cannot see
        "detail": True,
        "bare_base64": False,
        "stream_options": True,
        "streams": True,
        "pace": 0.0,
        "json_schema": True,
        "json_object": True,
        "ignores_schema": False,
        "completion_tokens_only": False,
        "tells_cost": False,
        "single_image": False,
        "urls_only": False,
        "server": False,  # an image server of somebody else: other fields, response_format
        "most": 10,  # pictures per request
        "spill": True,  # edits change pixels outside the mask too, as the real ones do
        "weight": 0,
        "azure_key": "azure-key-0123456789",
        "azure_token": "eyJhbGciOiJub25lIn0.azure-token-0123456789.x",
        "azure_versions": ["2025-04-01-preview"],
        "azure_deployments": {"painter": "gpt-image-2.6-sunburst", "reader": "gpt-6.1-terra"},
        "batches": "completed",  # how batches stand, see openai_batches.py
        "batch_rows": 1,  # rows that were done before a batch expired or was cancelled
        "drift": None,  # what an edit does to its first picture, see drifting.py
    }

    def reset(self) -> None:
        super().reset()
        with self.lock:
            self.files: dict[str, bytes] = {}
            self.kept: dict[str, list[bytes]] = {}
            self.stored: dict[str, bytes] = {}
            self.purposes: dict[str, str] = {}
            self.jobs: dict[str, dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def error_body(self, status: int, message: str) -> Any:
        code = {401: "invalid_api_key", 404: "not_found"}.get(status)
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}

    def answer(self, call: Call) -> None:
        if call.path.startswith("/files/"):
            self.give_file(call)
            return
        if call.path.startswith("/openai/"):
            through_azure(self, call)
        self.check_key(call)
        if serve_batches(self, call):
            return
        match call.method, call.path:
            case "GET", "/v1/models":
                facts = self.options["model_facts"]
                rows = [
                    {"id": name, "object": "model", "created": 1, "owned_by": "emulator", **facts.get(name, {})}
                    for name in self.options["models"]
                ]
                call.respond(200, {"object": "list", "data": rows})
            case "POST", "/v1/chat/completions":
                self.check_model(call.json().get("model"))
                answer_chat(call, self.options)
            case "POST", "/v1/images/generations":
                self.generate(call)
            case "POST", "/v1/images/edits":
                self.edit(call)
            case "POST", "/v1/responses":
                self.respond(call)
            case _:
                call.respond(404, "<html><head><title>404 Not Found</title></head><body>nginx</body></html>", {"Content-Type": "text/html"})

    def check_key(self, call: Call) -> None:
        key, given = self.options["key"], call.headers.get("authorization", "")
        if not given.startswith("Bearer ") or (key and given != f"Bearer {key}"):
            shown = given.removeprefix("Bearer ")
            raise Rejected(401, f"Incorrect API key provided: {shown[:8]}********{shown[-4:]}. You can find your API key at the dashboard.")

    def check_model(self, model: Any) -> None:
        if model not in self.options["models"]:
            body = {
                "message": f"The model `{model}` does not exist or you do not have access to it.",
                "type": "invalid_request_error",
                "param": None,
            }
            raise Rejected(404, body={"error": {**body, "code": "model_not_found"}})

    def give_file(self, call: Call) -> None:
        data = self.files.get(call.path)
        if "authorization" in call.headers:
            raise Rejected(400, "a key was sent to the place where files lie")
        call.respond(200 if data else 404, data or b"", {"Content-Type": "image/png"})

    # -- images

    def generate(self, call: Call) -> None:
        body = call.json()
        self.check_fields(body)
        self.finish(call, body, (), "image_generation")

    def edit(self, call: Call) -> None:
        parts = call.form()
        files = [part for part in parts if part.filename is not None]
        fields: dict[str, Any] = {part.name: part.data.decode() for part in parts if part.filename is None}
        for name in ("n", "partial_images", "output_compression", "seed"):
            if name in fields:
                fields[name] = int(fields[name])
        fields["stream"] = fields.get("stream") == "true"
        fidelity = fields.pop("input_fidelity", None)
        if fidelity is not None and fidelity not in FIDELITY.get(fields.get("model", ""), ()):
            raise Rejected(400, f"Unsupported value for 'input_fidelity' of {fields.get('model')}: {fidelity!r}.")
        self.check_fields({name: value for name, value in fields.items() if value is not False})
        images = [part for part in files if part.name in {"image", "image[]"}]
        if not images:
            raise Rejected(400, "Missing required parameter: 'image'.")
        if self.options["single_image"] and [part.name for part in images] != ["image"]:
            raise Rejected(422, "field required: image (one file)")
        if len(images) > 1 and {part.name for part in images} != {"image[]"}:
            raise Rejected(400, "Duplicate parameter: 'image'. Use image[] for several.")
        for part in images:
            mime_type, _ = opened(part.data)
            suffix = (part.filename or "").rpartition(".")[2]
            if part.content_type != mime_type or mime_type not in TYPES.values() or suffix not in {"png", "jpg", "webp"}:
                raise Rejected(400, f"Invalid file {part.filename!r}: unsupported mimetype ({part.content_type!r}).")
        mask = next((part.data for part in files if part.name == "mask"), None)
        if unknown := {part.name for part in files} - {"image", "image[]", "mask"}:
            raise Rejected(400, f"Unknown parameter: {sorted(unknown)}")
        if mask is not None:
            self.check_mask(mask, images[0].data)
        self.finish(call, fields, tuple(part.data for part in images), "image_edit", mask)

    def edit_named(self, call: Call) -> None:
        """Edit pictures that were uploaded before: the JSON form of the route."""
        fields = call.json()

        def named(one: dict[str, str]) -> bytes:
            if set(one) != {"file_id"} or self.purposes.get(one["file_id"]) != "vision":
                raise Rejected(400, f"Invalid image reference {one}.")
            return self.stored[one["file_id"]]

        inputs = tuple(named(one) for one in fields.pop("images", ()))
        if not inputs:
            raise Rejected(400, "Missing required parameter: 'images'.")
        mask = named(fields.pop("mask")) if "mask" in fields else None
        if mask is not None:
            self.check_mask(mask, inputs[0])
        self.check_fields(fields)
        self.finish(call, fields, inputs, "image_edit", mask)

    def check_fields(self, body: dict[str, Any]) -> None:
        self.check_model(body.get("model"))
        known = SERVER_FIELDS if self.options["server"] else PICTURE_FIELDS
        if unknown := set(body) - known:
            raise Rejected(400, f"Unknown parameter: '{min(unknown)}'.")
        if not body.get("prompt"):
            raise Rejected(400, "Missing required parameter: 'prompt'.")
        if body.get("n", 1) > self.options["most"]:
            raise Rejected(400, f"n must be {self.options['most']} at the most")
        check_size(body.get("size"), body["model"], server=self.options["server"])
        if body.get("background") == "transparent" and body.get("output_format", "png") == "jpeg":
            raise Rejected(400, "Transparent background is not supported for jpeg output format.")

    def check_mask(self, mask: bytes, first: bytes) -> None:
        mime_type, size = opened(mask)
        with Image.open(io.BytesIO(mask)) as image:
            if mime_type != "image/png" or image.mode not in {"RGBA", "LA"}:
                raise Rejected(400, "Invalid mask image format - mask image must be a PNG with an alpha channel.")
        if size != opened(first)[1] or opened(first)[0] != "image/png":
            raise Rejected(400, "Invalid mask: the image and its mask must have the same format and size.")
        if len(mask) > 4_000_000:
            raise Rejected(400, "Invalid mask: it must be less than 4 MB.")

    def finish(self, call: Call, body: dict[str, Any], inputs: tuple[bytes, ...], prefix: str, mask: bytes | None = None) -> None:
        fault = call.fault or {}
        reply = fault.get("reply", "")
        refuse(reply)
        count = 1 if reply == "two_pictures_short" else body.get("n", 1)
        mime_type = TYPES[body.get("output_format", "png")]
        made = [self.paint(body["prompt"], inputs, body.get("size"), mime_type, mask, variant) for variant in range(count)]
        usage = tokens(len(body["prompt"]), len(inputs), count)
        facts = {
            "size": body.get("size", "1024x1024"),
            "quality": "medium",
            "background": "opaque",
            "output_format": body.get("output_format", "png"),
        }
        if body.get("stream"):
            call.start(200, {"Content-Type": "text/event-stream"})
            for index in range(body.get("partial_images", 0)):
                early = self.paint(body["prompt"], inputs, "64x64", "image/png", None, 100 + index)
                call.event(
                    {"type": f"{prefix}.partial_image", "b64_json": b64(early), "partial_image_index": index, **facts, "created_at": 1},
                    f"{prefix}.partial_image",
                )
                call.wait(self.options["pace"])
            if reply == "cut_stream":
                call.cut()
                return
            call.event(
                {"type": f"{prefix}.completed", "b64_json": b64(made[0]), "usage": usage, **facts, "created_at": 1}, f"{prefix}.completed"
            )
            return
        data: list[dict[str, Any]] = [self.item(call, picture) for picture in made]
        if reply == "no_pictures":
            data = []
        elif reply == "bad_picture":
            data = [{"b64_json": b64(b"no picture at all")}]
        elif reply == "url":
            data = [{"url": fault["url"].replace("BASE", call.base_url)}]
        elif reply == "one_fails":
            data[0] = {"error": {"code": "content_filter", "message": "The generated image was filtered."}}
        answer: dict[str, Any] = {"created": 1_700_000_000, "data": data}
        call.respond(200, answer if self.options["server"] else {**answer, **facts, "usage": usage})

    def item(self, call: Call, picture: bytes) -> dict[str, Any]:
        if not self.options["urls_only"]:
            return {"b64_json": b64(picture), "revised_prompt": "as understood"}
        with self.lock:
            path = f"/files/{len(self.files)}.png"
            self.files[path] = picture
        return {"url": f"{call.base_url}{path}"}

    def paint(self, prompt: str, inputs: tuple[bytes, ...], size: str | None, mime_type: str, mask: bytes | None, variant: int) -> bytes:
        frame = opened(inputs[0])[1] if inputs else (256, 256)
        if size and "x" in size:
            width, height = (int(part) for part in size.split("x"))
            frame = (width, height)
        if inputs and self.options["drift"] is not None:
            return drifted(inputs[0], frame, self.options["drift"], mime_type)
        made = painted(prompt, inputs, frame, mime_type, self.options["weight"], variant)
        if mask is None or not inputs:
            return made
        with Image.open(io.BytesIO(made)) as new, Image.open(io.BytesIO(inputs[0])) as old, Image.open(io.BytesIO(mask)) as shape:
            base = old.convert("RGB").resize(frame)
            if self.options["spill"]:
                base = ImageChops.add(base, Image.new("RGB", frame, (7, 7, 7)))
            may_change = ImageChops.invert(shape.getchannel("A")).resize(frame)
            out = io.BytesIO()
            Image.composite(ImageChops.invert(new.convert("RGB")), base, may_change).save(out, "PNG")
        return out.getvalue()

    # -- responses

    def respond(self, call: Call) -> None:
        body = call.json()
        self.check_model(body.get("model"))
        if unknown := set(body) - {"model", "input", "tools", "tool_choice", "store", "previous_response_id", "stream"}:
            raise Rejected(400, f"Unknown parameter: '{min(unknown)}'.")
        previous = body.get("previous_response_id")
        with self.lock:
            if previous and previous not in self.kept:
                gone = {
                    "message": f"Previous response with id '{previous}' not found.",
                    "type": "invalid_request_error",
                    "param": "previous_response_id",
                }
                raise Rejected(400, body={"error": {**gone, "code": "previous_response_not_found"}})
            context = list(self.kept.get(previous, ()))
        tool = body["tools"][0]
        self.check_model(tool.get("model"))
        check_size(tool.get("size"), tool["model"])
        refuse(reply := (call.fault or {}).get("reply", ""))
        words, given = "", []
        for part in body["input"][-1]["content"]:
            if part["type"] == "input_text":
                words = part["text"]
            else:
                found = re.fullmatch(r"data:([\w/]+);base64,(.*)", part["image_url"], re.DOTALL)
                if not found:
                    raise Rejected(400, "Invalid image_url.")
                given.append(decoded(found[2], alphabet="standard"))
                opened(given[-1])
        if tool["action"] == "edit" and not (given or context):
            raise Rejected(400, "There is no image to edit.")
        inputs = tuple(given or [*context[-1:], *given])
        mask = decoded(tool["input_image_mask"]["image_url"].split(",", 1)[1]) if "input_image_mask" in tool else None
        if mask:
            self.check_mask(mask, given[0])
        picture = self.paint(words, inputs, tool.get("size"), "image/png", mask, call.number)
        identifier = f"resp_{call.number}"
        if body.get("store", True):
            with self.lock:
                self.kept[identifier] = [*context, *given, picture]
        output: list[dict[str, Any]] = [
            {
                "type": "image_generation_call",
                "id": f"ig_{call.number}",
                "status": "completed",
                "result": b64(picture),
                "revised_prompt": f"with {len(context)} before",
            },
            {
                "type": "message",
                "id": f"msg_{call.number}",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Done.", "annotations": []}],
            },
        ]
        if reply == "text_only":
            output = output[1:]
        response = {
            "id": identifier, "object": "response", "created_at": 1, "model": body["model"], "status": "completed", "output": output,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": {"input_tokens": 50, "output_tokens": 5, "total_tokens": 55, "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
            "tool_usage": {"image_gen": tokens(len(words), len(inputs), 1), "web_search": {"num_requests": 0}},
        }  # fmt: skip
        if not body.get("stream"):
            call.respond(200, response)
            return
        call.start(200, {"Content-Type": "text/event-stream"})
        for index in range(tool.get("partial_images", 0)):
            kind = "response.image_generation_call.partial_image"
            early = {
                "type": kind,
                "item_id": f"ig_{call.number}",
                "output_index": 0,
                "sequence_number": index,
                "partial_image_index": index,
            }
            call.event({**early, "partial_image_b64": b64(self.paint(words, inputs, "64x64", "image/png", None, index))}, kind)
        call.event({"type": "response.completed", "sequence_number": 9, "response": response}, "response.completed")


def check_size(size: str | None, model: str, *, server: bool = False) -> None:
    """Say no to a size the model does not make."""
    if not size or size == "auto":
        return
    if not re.fullmatch(r"\d+x\d+", size):
        raise Rejected(400, f"Invalid size {size!r}.")
    width, height = (int(part) for part in size.split("x"))
    if server:
        return
    if re.search(r"1\.5|1-mini", model):
        fine = size in {"1024x1024", "1536x1024", "1024x1536"}
    else:
        fine = width % 16 == height % 16 == 0 and max(width, height) <= 3 * min(width, height) and 655_360 <= width * height <= 8_294_400
        fine = fine and max(width, height) <= 3840
    if not fine:
        raise Rejected(400, f"Invalid size {size!r} for {model}.")


def refuse(reply: str) -> None:
    """Play moderation."""
    if reply in {"refuse_prompt", "refuse_input", "refuse_output"}:
        stage = {"refuse_prompt": "input", "refuse_input": "input", "refuse_output": "output"}[reply]
        what = "Your input image" if reply == "refuse_input" else "Your request"
        details = {"categories": ["violence"], "moderation_stage": stage}
        body = {
            "message": f"{what} was rejected by the safety system.",
            "type": "image_generation_user_error",
            "param": None,
            "code": "moderation_blocked",
        }
        raise Rejected(400, body={"error": {**body, "moderation_details": details}})


def tokens(letters: int, inputs: int, count: int) -> dict[str, Any]:
    """Count tokens the way the service tells them."""
    given = {"text_tokens": max(1, letters // 4), "image_tokens": 1000 * inputs}
    told = {"input_tokens": sum(given.values()), "input_tokens_details": given, "output_tokens": 1056 * count}
    return {
        **told,
        "output_tokens_details": {"image_tokens": 1056 * count, "text_tokens": 0},
        "total_tokens": told["input_tokens"] + 1056 * count,
    }


def b64(data: bytes) -> str:
    """Encode."""
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    serve(OpenAI())
