"""What helps, in an agent's words: tools and their parameters, and what only the user can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOR_AGENTS: Mapping[str, str] = {
    "add-reference": "Give another image: continue_image_session takes one as imagePath.",
    "ask-for-table": "",
    "batch-budget": "Call again with max_cost={budget}.",
    "choose-model": "Choose another model with the parameter model; get_image_config_info lists them.",
    "confine": "With confine=false the whole reply is taken.",
    "create-session": "start_image_session begins a new one.",
    "earlier-turns": "",
    "example-ask": "For example: {text}",
    "example-compare": "compare_images takes two.",
    "example-edit": "For example: {text}",
    "example-generate": "For example: {text}",
    "force": "Choose another outputPath.",
    "hand-over": "A picture attached to the chat has no path here: take_image offers what the person has at hand. "
    "Or ask them to save it into {folder}.",
    "help-ask": "",
    "help-edit": "",
    "help-generate": "",
    "install": "Ask the user to run pip install {package} where this server is installed.",
    "keep-key": "Ask the user to run notebook-img keys set {name} in a terminal.",
    "leave-out": "Leave it out, or choose another one with the parameter model; get_image_config_info lists them.",
    "list-batches": "run_batch says the id of each.",
    "list-models": "get_image_config_info lists the known models.",
    "list-operations": "",
    "mask-reading": "Choose with the parameter maskReading: painted or transparent.",
    "name-items": "",
    "new-session": "list_sessions lists the others; start_image_session begins a new one.",
    "open-session": "Name {name} as the session.",
    "pick": "Name one of them as the image, such as {turn}.2.",
    "raise-batch-budget": "Call again with a higher max_cost.",
    "raise-budget": "Only the user can raise it, with NOTEBOOK_IMG_BUDGET (US dollars a day) in this server's configuration; "
    "it resets tomorrow.",
    "rebuild": "Ask the user to let notebook-img doctor rebuild the index.",
    "repair": "Ask the user to let notebook-img doctor repair the store.",
    "replace-key": "Ask the user to set another key as {variable} in this server's configuration.",
    "resume-batch": "Call run_batch again with the same words to go on.",
    "resume-job": "get_job with job_id {job} fetches its pictures later.",
    "retry-batch": "",
    "set-key": "Ask the user to set {variable} in this server's configuration{page}.",
    "show-traceback": "",
    "show-turn": "view_image {turn} shows it.",
    "show-turns": "show_session with session {session} lists its turns.",
    "use-model": "Name one with the parameter model, such as {model}.",
    "verify": "Ask the user to let notebook-img doctor look for whole copies.",
}
