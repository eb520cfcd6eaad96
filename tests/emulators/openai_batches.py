"""OpenAI's files and batches: a JSONL file for one route and one model, pictures by file id, results and errors in files of their own.

How a job stands is the option ``batches``: ``in_progress``, ``completed``, ``failed``, ``cancelled``, ``expired`` (the first ``batch_rows`` rows
are done in the last two). Faults of kind ``reply`` whose `contains` picks a row are played for it, as for a request of its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.emulators.openai_chat import answer_chat
from tests.emulators.serving import Call, Rejected

if TYPE_CHECKING:
    from tests.emulators.openai import OpenAI

ROUTES = ("/v1/chat/completions", "/v1/images/generations", "/v1/images/edits")
MOST_BYTES = 200_000_000
ENDED = ("completed", "failed", "cancelled", "expired")


def serve_batches(service: OpenAI, call: Call) -> bool:
    """Answer what belongs to files and batches; return whether it did."""
    match call.method, call.path.removeprefix("/v1/"):
        case "POST", "files":
            upload(service, call)
        case "GET", _ if found := re.fullmatch(r"/v1/files/([\w-]+)/content", call.path):
            if found[1] not in service.stored or found[1].startswith("file-in"):
                raise Rejected(404, f"No such File object: {found[1]}")
            call.respond(200, service.stored[found[1]])
        case "POST", "batches":
            create(service, call)
        case "GET", "batches":
            with service.lock:
                jobs = [told(service, job) for job in reversed(service.jobs.values())]
            call.respond(200, {"object": "list", "data": jobs, "has_more": False})
        case "GET", _ if found := re.fullmatch(r"/v1/batches/([\w-]+)", call.path):
            call.respond(200, told(service, known(service, found[1])))
        case "POST", _ if found := re.fullmatch(r"/v1/batches/([\w-]+)/cancel", call.path):
            job = known(service, found[1])
            job["state"] = "cancelled"
            call.respond(200, told(service, job))
        case _:
            return False
    return True


def upload(service: OpenAI, call: Call) -> None:
    """Take a file."""
    parts = {part.name: part for part in call.form()}
    if unknown := set(parts) - {"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"}:
        raise Rejected(400, f"Unknown parameter: {sorted(unknown)}")
    purpose = parts["purpose"].data.decode()
    if purpose not in {"batch", "vision"}:
        raise Rejected(400, f"Invalid purpose {purpose!r}.")
    with service.lock:
        name = f"file-in{len(service.stored)}"
        service.stored[name] = parts["file"].data
        service.purposes[name] = purpose
    call.respond(200, {
        "id": name, "object": "file", "bytes": len(parts["file"].data), "created_at": 1, "filename": parts["file"].filename or "",
        "purpose": purpose, "status": "processed",
    })  # fmt: skip


def create(service: OpenAI, call: Call) -> None:
    """Take a job."""
    body = call.json()
    if unknown := set(body) - {"completion_window", "endpoint", "input_file_id", "metadata"}:
        raise Rejected(400, f"Unknown parameter: {sorted(unknown)}")
    if body["completion_window"] != "24h" or body["endpoint"] not in ROUTES:
        raise Rejected(400, f"Invalid batch: {body['completion_window']}, {body['endpoint']}.")
    if service.purposes.get(body["input_file_id"]) != "batch":
        raise Rejected(400, f"Invalid input_file_id {body['input_file_id']!r}.")
    with service.lock:
        name = f"batch_{len(service.jobs)}"
        service.jobs[name] = {"id": name, **body, "state": "", "output": None, "errors": None}
        job = service.jobs[name]
    if (call.fault or {}).get("reply") == "lost":  # taken, but nobody hears of it
        call.cut()
        return
    call.respond(200, told(service, {**job, "state": "validating"}))


def known(service: OpenAI, name: str) -> dict[str, Any]:
    """Return a job."""
    if name not in service.jobs:
        raise Rejected(404, f"No such Batch object: {name}")
    return service.jobs[name]


def complaint(lines: list[Any], job: dict[str, Any], size: int) -> str:
    """Return what is wrong with a file of requests, as the service says it while it validates."""
    if size > MOST_BYTES:
        return "The batch input file is larger than 200 MB."
    if len({line.get("custom_id") for line in lines}) < len(lines):
        return "The custom_id of each request has to be unique."
    if any(
        set(line) != {"custom_id", "method", "url", "body"} or line["method"] != "POST" or line["url"] != job["endpoint"] for line in lines
    ):
        return "The url of each request has to be that of the batch."
    if len({line["body"].get("model") for line in lines}) > 1:
        return "A batch is for one model."
    return ""


def told(service: OpenAI, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job; its requests are answered when it is first seen to have ended."""
    data = service.stored[job["input_file_id"]]
    lines = [json.loads(line) for line in data.splitlines()]
    wrong = complaint(lines, job, len(data))
    state = "failed" if wrong else job["state"] or service.options["batches"]
    if state == "failed":
        wrong = wrong or "The batch could not be read."
    with service.lock:
        if state in ENDED and state != "failed" and job["output"] is None:
            done = len(lines) if state == "completed" else service.options["batch_rows"]
            rows = [answered(service, line) for line in lines[:done]]
            rows += [
                {
                    "custom_id": line["custom_id"],
                    "response": None,
                    "error": {"code": f"batch_{state}", "message": f"This request was not done: {state}."},
                }
                for line in lines[done:]
            ]
            good = [row for row in rows if row["response"] and row["response"]["status_code"] == 200]
            bad = [row for row in rows if row not in good]
            for kind, several in (("output", good), ("errors", bad)):
                job[kind] = f"file-{kind}-{job['id']}" if several else ""
                # Results stand in no order.
                service.stored[job[kind]] = b"".join(json.dumps({"id": "row", **row}).encode() + b"\n" for row in reversed(several))
            job["counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}
    return {
        "id": job["id"], "object": "batch", "endpoint": job["endpoint"], "completion_window": "24h", "created_at": 1,
        "input_file_id": job["input_file_id"], "status": state, "metadata": job.get("metadata"),
        "output_file_id": job["output"] or None, "error_file_id": job["errors"] or None,
        "errors": {"object": "list", "data": [{"code": "invalid", "message": wrong, "line": 1}]} if wrong else None,
        "request_counts": job.get("counts") or {"total": len(lines), "completed": 0, "failed": 0},
    }  # fmt: skip


class _Row(Call):
    """One line, as a call: what would be the answer is kept."""

    def __init__(self, service: OpenAI, path: str, body: dict[str, Any], fault: dict[str, Any]) -> None:
        self.emulator, self.path, self.method, self.fault = service, path, "POST", fault
        self.body = json.dumps(body).encode()
        self.headers = {"content-type": "application/json", "host": "127.0.0.1"}
        self.number, self.status, self.answer = 1, None, None

    def respond(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        self.status, self.answer = status, body


def answered(service: OpenAI, line: dict[str, Any]) -> dict[str, Any]:
    """Answer one request of a file."""
    call = _Row(service, line["url"], line["body"], service.faults.take("batch-row", json.dumps(line).encode()) or {})
    try:
        if call.fault.get("status"):
            raise Rejected(call.fault["status"], "The server had an error while processing your request.")
        if line["body"].get("stream"):
            raise Rejected(400, "Streaming is not supported in the Batch API.")
        if line["url"] == "/v1/chat/completions":
            service.check_model(line["body"].get("model"))
            answer_chat(call, service.options)
        elif line["url"] == "/v1/images/generations":
            service.generate(call)
        else:
            service.edit_named(call)
        status, body = call.status, call.answer
    except Rejected as no:
        status, body = no.status, service.error_body(no.status, no.message) if no.body is None else no.body
    return {"custom_id": line["custom_id"], "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}
