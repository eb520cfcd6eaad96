"""Asking the person before much is spent on a client's behalf, in the client's own form where it has one.

From 2026-07-28 on a question is the answer to the call, which the client sends again with what was said; before, the server asks
meanwhile. What a client says for itself, such as a limit, is not the person's word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp.types.version import is_version_at_least

from notebook_img.errors import BudgetError
from notebook_img.mcp.versions import MODERN

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.types import InputResponses

KEY = "consent"
FORM = {
    "type": "object",
    "properties": {"agreed": {"type": "boolean", "title": "Agreed", "description": "Whether it may cost that much", "default": False}},
    "required": ["agreed"],
}


class QuestionError(ToolError):
    """Ends a call with a question; see `Server.call_tool`.

    Attributes
    ----------
    question : InputRequiredResult
        What the client is answered.
    """

    def __init__(self, question: InputRequiredResult) -> None:
        super().__init__("The person is asked first.")
        self.question = question


async def consented(ctx: Context, most: float, question: str, remedy: str) -> None:
    """Ask the person, and return if they agree.

    Parameters
    ----------
    ctx : Context
        Of the call.
    most : float
        US dollars it may cost. What the person says holds for that much.
    question : str
        With the price, and what is asked for.
    remedy : str
        What the client can do instead, one sentence.

    Raises
    ------
    BudgetError
        When the person does not agree, or the client has no way to ask.
    QuestionError
        When the client has to ask first.
    """
    name = " ".join(info.client_info.name.split())[:60] if (info := ctx.session.client_params) else ""
    if not await _agreed(ctx, most, f"{name or 'An agent'} asks for {question} Go on?"):
        raise BudgetError(f"Nothing was sent: the person has not agreed to {question} {remedy}")


async def _agreed(ctx: Context, most: float, question: str) -> bool:
    if not can_ask(ctx):
        return False
    if not modern(ctx):
        return _says_yes(await ctx.session.elicit_form(question, FORM, related_request_id=ctx.request_id))
    # The SDK seals the state for this tool and these arguments.
    state = f"{most:.6f}"
    answer = (ctx.input_responses or {}).get(KEY)
    if answer is None or ctx.request_state != state:
        request = ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=FORM))
        raise QuestionError(InputRequiredResult(input_requests={KEY: request}, request_state=state))
    return isinstance(answer, ElicitResult) and _says_yes(answer)


def can_ask(ctx: Context) -> bool:
    """Return whether the client has forms; one that does not say which kinds of questions it has means those."""
    known = ctx.client_capabilities
    able = known.elicitation if known is not None else None
    return able is not None and (able.form is not None or able.url is None)


def _says_yes(answer: ElicitResult) -> bool:
    return answer.action == "accept" and (answer.content or {}).get("agreed") is True


def modern(ctx: Context) -> bool:
    """Return whether the client takes a question as an answer."""
    return is_version_at_least(ctx.protocol_version or "", MODERN)


async def passed_on(ctx: Context, question: InputRequiredResult) -> InputResponses:
    """Ask a client of an earlier version what the kernel it is joined to wants to know, and return what was said."""
    said: InputResponses = {}
    for key, request in (question.input_requests or {}).items():
        if isinstance(request, ElicitRequest) and isinstance(request.params, ElicitRequestFormParams):
            form = request.params
            said[key] = await ctx.session.elicit_form(form.message, form.requested_schema, related_request_id=ctx.request_id)
    return said
