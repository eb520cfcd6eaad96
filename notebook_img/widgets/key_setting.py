"""Setting a key in the panel, and what a model can do. A key comes as bytes beside a message: it is in no trait, no state and no log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.widgets import controls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.widgets.actions import Actions

Message = dict[str, Any]


class KeySetting:
    """The messages about keys and models.

    Parameters
    ----------
    actions : Actions
        Of the panel they are asked in.
    """

    def __init__(self, actions: Actions) -> None:
        self.panel = actions.panel

    def do_keys(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send which services want a key, and where theirs comes from; never a key."""
        from notebook_img import providers

        settings = self.panel.studio.settings
        rows = [
            {"name": each.name, "title": each.title, "page": each.page, "where": keys.where(each, settings)}
            for each in providers.key_services(settings)
        ]
        self.panel.views.reply(message, {"kind": "keys", "services": rows})

    def do_key(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Keep a key where the command line and the magics keep theirs."""
        from notebook_img import providers

        panel, settings = self.panel, self.panel.studio.settings
        service = providers.key_service(str(message.get("name", "")), settings)
        place = keys.keep(service, (bytes(buffers[0]) if buffers else b"").decode("utf-8", "replace"), settings)
        panel.tell({"kind": "models", "models": controls.models(settings)})
        panel.tell({"kind": "key kept", "name": service.name})
        panel.notify(keys.kept_words(service, place, settings), "done")

    def do_can(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send what a model can do, in words."""
        panel = self.panel
        record = panel.record()
        told = controls.can(message["for"], panel.studio.settings, model=str(message.get("model", "")), session_model=record.kept_model)
        panel.views.reply(message, {**told, "kind": "can"})
