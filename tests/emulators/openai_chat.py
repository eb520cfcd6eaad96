"""The chat part of the OpenAI emulator: answers that can only be given by somebody who got the pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from typing import Any

from PIL import Image, ImageStat

from tests.emulators.painting import opened, painted
from tests.emulators.serving import Call, Rejected, decoded

DETAILS = {"auto", "low", "high", "original"}
FIELDS = {
    "model", "messages", "stream", "stream_options", "response_format", "temperature", "max_tokens", "max_completion_tokens",
    "modalities", "image_config", "n", "seed",
}  # fmt: skip


class Seen:
    """One picture as it was received."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.mime_type, self.size = opened(data)
        with Image.open(io.BytesIO(data)) as image:
            self.image = image.convert("RGB")
        self.colour = "#" + "".join(f"{round(value):02x}" for value in ImageStat.Stat(self.image).mean)
        self.pixels = hashlib.sha256(self.image.tobytes()).hexdigest()

    def words(self) -> str:
        return f"{self.size[0]}x{self.size[1]} {self.colour} pixels:{self.pixels[:16]}"

    def bright_box(self) -> tuple[int, int, int, int] | None:
        """Where it is brighter than the middle: what there is to find."""
        return self.image.convert("L").point(lambda value: 255 if value > 127 else 0).getbbox()


def answer_chat(call: Call, options: dict[str, Any]) -> None:
    """Answer POST /chat/completions."""
    body = call.json()
    check_fields(body, options)
    messages = body["messages"]
    pictures, texts = read_messages(messages, options)
    model = body["model"]
    if pictures and model in options["blind"]:
        raise Rejected(400, f"Invalid request: model {model} does not support image inputs.")
    reply = (call.fault or {}).get("reply", "")
    prompt = texts[-1]
    if reply == "refuse_prompt":
        raise Rejected(
            400,
            body={
                "error": {
                    "message": "Your request was rejected by the safety system.",
                    "code": "content_policy_violation",
                    "type": "invalid_request_error",
                }
            },
        )
    if reply == "error_in_200":
        call.respond(200, {"error": {"message": "The server behind is tired.", "code": 502}})
        return
    text, images = spoken(body, prompt, pictures, texts, options), []
    if reply == "say":
        text = call.fault["text"]
    if "image" in body.get("modalities", ()) and reply != "text_only":
        size = {"16:9": (320, 180)}.get(body.get("image_config", {}).get("aspect_ratio"), pictures[0].size if pictures else (256, 256))
        data = painted(prompt, tuple(seen.data for seen in pictures), size)
        images, text = (
            [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"}}],
            "Here you are.",
        )
    finish = {"length": "length", "content_filter": "content_filter"}.get(reply, "stop")
    if reply == "length":
        text = text[: len(text) // 2]
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if reply == "refusal":
        message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    if images:
        message["images"] = images
    usage = {"prompt_tokens": 10 + 100 * len(pictures), "completion_tokens": max(1, len(text) // 4), "total_tokens": 0}
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    if options["tells_cost"]:
        usage["cost"] = 0.0125
    head = {"id": f"chatcmpl-{call.number}", "created": 1_700_000_000, "model": model}
    if body.get("stream") and options["streams"]:
        stream_chat(call, body, head, message, finish, usage, options, reply)
    else:
        call.respond(
            200,
            {**head, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage},
        )


def check_fields(body: dict[str, Any], options: dict[str, Any]) -> None:
    """Say no to whatever this server does not know."""
    if unknown := set(body) - FIELDS:
        raise Rejected(400, f"Unrecognized request argument supplied: {', '.join(sorted(unknown))}")
    if "stream_options" in body and not options["stream_options"]:
        raise Rejected(400, "stream_options: Extra inputs are not permitted")
    if "max_tokens" in body and options["completion_tokens_only"]:
        raise Rejected(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
    form = body.get("response_format", {}).get("type")
    if form == "json_schema":
        if not options["json_schema"]:
            raise Rejected(400, "response_format.type: json_schema is not supported by this server")
        named = body["response_format"]["json_schema"]
        if named["schema"].get("type") != "object":
            raise Rejected(400, "Invalid schema for response_format 'answer': schema must be of type object")
        if named.get("strict") and set(named["schema"].get("properties", {})) != set(named["schema"].get("required", ())):
            raise Rejected(400, "Invalid schema for response_format 'answer': 'required' must hold every property")
    if form == "json_object":
        if not options["json_object"]:
            raise Rejected(400, "'response_format.type' must be 'json_schema' or 'text'")
        if "json" not in json.dumps(body["messages"]).lower():
            raise Rejected(400, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")


def read_messages(messages: list[dict[str, Any]], options: dict[str, Any]) -> tuple[list[Seen], list[str]]:
    """Return all pictures of a conversation, checked, and the text of each message."""
    pictures, texts = [], []
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        words = []
        for part in parts:
            if part["type"] == "text":
                words.append(part["text"])
            elif part["type"] == "image_url":
                pictures.append(read_picture(part["image_url"], options))
            else:
                raise Rejected(400, f"Invalid value: {part['type']!r}")
        texts.append("\n".join(words))
    return pictures, texts


def read_picture(image: dict[str, Any], options: dict[str, Any]) -> Seen:
    """Return one picture; the form it comes in has to be exactly this server's."""
    if set(image) - {"url", "detail"}:
        raise Rejected(400, f"Unknown parameter: image_url.{min(set(image) - {'url', 'detail'})}")
    if "detail" in image and (not options["detail"] or image["detail"] not in DETAILS):
        raise Rejected(400, "image_url.detail: Extra inputs are not permitted")
    found = re.fullmatch(r"data:([\w/+.-]+);base64,(.*)", image["url"], re.DOTALL)
    if options["bare_base64"]:
        if found:
            raise Rejected(400, "image_url.url: bare base64 is wanted, without data:")
        return Seen(decoded(image["url"], alphabet="standard"))
    if not found:
        raise Rejected(400, "Invalid image_url: a data URL or an https URL is wanted.")
    seen = Seen(decoded(found[2], alphabet="standard"))
    if seen.mime_type != found[1]:
        raise Rejected(400, f"The image is {seen.mime_type}, the data URL says {found[1]}.")
    return seen


def spoken(body: dict[str, Any], prompt: str, pictures: list[Seen], texts: list[str], options: dict[str, Any]) -> str:
    """Return what the model says: JSON where it is asked for, else what it saw."""
    form = body.get("response_format", {}).get("type")
    if form == "json_schema" and not options["ignores_schema"]:
        return json.dumps(fitting(body["response_format"]["json_schema"]["schema"], {}, pictures, prompt))
    if "JSON schema:\n" in prompt:
        schema = json.loads(prompt.split("JSON schema:\n", 1)[1])
        value = json.dumps(fitting(schema, schema, pictures, prompt), indent=1)
        return value if form == "json_object" else f"Of course! Here it is:\n```json\n{value}\n```\nAnything else?"
    seen = "; ".join(f"{number}. {picture.words()}" for number, picture in enumerate(pictures, start=1))
    return f"I see {len(pictures)} pictures: {seen}. You said: {prompt!r}. Before that there were {len(texts) - 1} messages."


def fitting(schema: dict[str, Any], root: dict[str, Any], pictures: list[Seen], prompt: str, name: str = "") -> Any:
    """Return a value that fits a schema and tells about the first picture."""
    root = root or schema
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fitting(target, root, pictures, prompt, name)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return fitting(schema["anyOf"][0], root, pictures, prompt, name)
    first = pictures[0] if pictures else None
    match schema.get("type"):
        case "object":
            return {key: fitting(part, root, pictures, prompt, key) for key, part in schema.get("properties", {}).items()}
        case "array" if name in {"box", "box_2d", "bbox_2d"}:
            return written_box(first, name, prompt)
        case "array":
            count = 1 if "box" in json.dumps(schema) else 2
            return [fitting(schema["items"], root, pictures, prompt, name) for _ in range(count)]
        case "integer" | "number":
            facts = {"width": first.size[0], "height": first.size[1]} if first else {}
            return facts.get(name, len(pictures))
        case "boolean":
            return True
        case "null":
            return None
    return {"colour": first.colour, "pixels": first.pixels}.get(name, name or "text") if first else name or "text"


def written_box(seen: Seen | None, key: str, prompt: str) -> list[int]:
    """Write the bright region in the convention that was asked for."""
    box = seen and seen.bright_box()
    if not seen or not box:
        return [0, 0, 0, 0]
    width, height = seen.size
    if "in pixels of the image" in prompt:
        if f"{width} wide and {height} high" not in prompt:
            raise Rejected(400, "the size told is not the size sent")
        return list(box)
    left, top, right, bottom = (round(1000 * value / side) for value, side in zip(box, (width, height, width, height), strict=True))
    return [top, left, bottom, right] if key == "box_2d" else [left, top, right, bottom]


def stream_chat(call: Call, body: Any, head: Any, message: Any, finish: str, usage: Any, options: Any, reply: str) -> None:
    """Send the answer word by word; `cut_stream` resets the connection half way, `end_early` ends it without a word."""
    call.start(200, {"Content-Type": "text/event-stream"})

    def send(delta: dict[str, Any], reason: str | None = None, **more: Any) -> None:
        call.event({**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more})

    send({"role": "assistant", "content": ""})
    pieces = re.findall(r"\S+\s*", message["content"] or "")
    for place, piece in enumerate(pieces):
        if reply in {"cut_stream", "end_early", "hang_midway", "error_midway"} and place == len(pieces) // 2:
            if reply == "cut_stream":
                call.cut()
            elif reply == "hang_midway":
                call.wait(600)
            elif reply == "error_midway":
                call.event({"error": {"message": "The server ran out of memory.", "type": "server_error"}})
            return
        send({"content": piece})
        call.wait(options["pace"])
    if message.get("refusal"):
        send({"refusal": message["refusal"]})
    send({}, finish)
    if body.get("stream_options", {}).get("include_usage"):
        call.event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    call.event("[DONE]")
