"""The help of a magic or a command: how it is written, the options the current model takes, and the names of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.options.table import table_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.options.option import Command, Option, OwnOptionLike
    from notebook_img.providers.interface import Capabilities


def _takes(capabilities: Capabilities, option: Option) -> bool:
    """Return whether a model with these capabilities takes the option."""
    from notebook_img.providers import takes

    if option.own:
        return any(own.name == option.name for own in capabilities.options)
    return not option.needs or takes(capabilities, option.needs)


def _values(option: Option, capabilities: Capabilities) -> str:
    """Return the values the model takes for the option, where they are few and known."""
    from notebook_img.providers.interface import NEEDS

    if option.own:
        known = next((own.choices for own in capabilities.options if own.name == option.name), ())
    else:
        known = getattr(capabilities, NEEDS[option.needs].capability) if option.needs else ()
    if option.name == "n":
        return f" At most {known}."
    if not isinstance(known, tuple) or not known:
        return ""
    return f" Here: {', '.join(known)}{', WxH' if option.name == 'size' and capabilities.pixel_sizes else ''}."


def help_text(
    command: Command,
    own: Iterable[OwnOptionLike | Option] = (),
    capabilities: Capabilities | None = None,
    *,
    head: Iterable[str] = (),
    model: str = "",
    notebook: bool = True,
) -> str:
    """Return the help of a magic or a command as plain text, at most 110 columns wide.

    Parameters
    ----------
    command : str
        ``generate``, ``edit`` or ``ask``.
    own : iterable
        Options of providers.
    capabilities : Capabilities, optional
        Those of the model in use; options it does not take are only named, in the last line.
    head : iterable of str
        The lines it begins with: how it is written, and examples, in the surface's words.
    model : str
        Its name.
    notebook : bool
        Whether options of notebooks are listed.
    """
    import textwrap

    lines = [*head, ""]
    others: list[str] = []
    for option in dict.fromkeys(table_for(command, own, notebook=notebook).values()):
        taken = capabilities is None or _takes(capabilities, option)
        if not taken:
            others.append(option.long)
            continue
        metavar = {"optional": f" [{option.metavar}]", "flag": ""}.get(option.takes, f" {option.metavar}")
        left = f"  {', '.join(option.flags)}{metavar}"
        right = option.help.rstrip(".") + "." + (_values(option, capabilities) if capabilities is not None else "")
        wrapped = textwrap.wrap(right, 76) or [""]
        if len(left) > 32:
            lines.append(left)
            left = ""
        lines += [f"{left:<32}  {wrapped[0]}", *(f"{'':<32}  {more}" for more in wrapped[1:])]
    lines += ["", "Options go before or after the text; -- ends them."]
    if notebook:
        lines.append("{name} is replaced by the variable of that name: its text, or an image to attach.")
    if others:
        said = f"Other models take more (-m MODEL -h lists its options); {model or 'the current model'} does not take {', '.join(others)}."
        lines += textwrap.wrap(said, 110, break_on_hyphens=False)
    return "\n".join(lines)
