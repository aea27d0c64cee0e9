"""What a person is asked for one proposal: a request at a time, and only while they answer."""

import asyncio
import json
from collections.abc import Sequence

from acp.schema import PermissionOption

from autoresearch_tui.agents.acp import policy
from autoresearch_tui.agents.acp.policy import Call
from autoresearch_tui.agents.base import AskPerson, PermissionRequest, nobody
from autoresearch_tui.record.masking import mask

ASKED_AT_MOST = 20
"""For one proposal; the policy answers what comes after that."""
WHAT_CHARACTERS = 200
DETAIL_CHARACTERS = 1_000


class Asker:
    """Asks a person for an agent."""

    def __init__(
        self, ask: AskPerson = nobody, wait_s: float = 0.0, secrets: Sequence[str] = ()
    ) -> None:
        """Give a person `wait_s` seconds for each answer, and show none of the `secrets`."""
        self._ask = ask
        self._wait_s = wait_s
        self._secrets = secrets
        self._left = ASKED_AT_MOST
        self._turn = asyncio.Lock()
        self._asking: asyncio.Future[bool | None] | None = None

    async def objection(
        self, call: Call, reason: str, options: Sequence[PermissionOption]
    ) -> str | None:
        """Return why a call that the policy refuses for a `reason` stays refused, as a sentence.

        None where a person allowed it, this once.
        """
        async with self._turn:
            names = [_name(options, allow=allow) for allow in (True, False)]
            if not (self._left and names[0]):
                return reason
            self._left -= 1
            request = PermissionRequest(
                what=self._shown(str(call), WHAT_CHARACTERS),
                detail=self._shown(_given(call), DETAIL_CHARACTERS),
                reason=reason,
                options=[self._shown(name, WHAT_CHARACTERS) for name in names],
                wait_s=self._wait_s,
            )
            asking = self._asking = asyncio.ensure_future(self._ask(request))
            try:
                await asyncio.wait({asking})
            finally:
                asking.cancel()
        if asking.cancelled() or asking.exception() is not None:
            return reason
        match asking.result():
            case None:
                # Nobody is there: what else this proposal asks for would wait as long, in vain.
                self._left = 0
                return f"{reason} Nobody answered in time."
            case False:
                return "A person refused it."
            case True:
                return None

    def withdraw(self) -> None:
        """Ask no more, and take back what was asked."""
        self._left = 0
        if self._asking is not None:
            self._asking.cancel()

    def _shown(self, text: str, limit: int) -> str:
        line = " ".join(text.encode(errors="replace").decode().split())
        line = mask(line, self._secrets)
        return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _name(options: Sequence[PermissionOption], *, allow: bool) -> str:
    chosen = policy.answer(options, allow=allow)
    return next((each.name for each in options if each.option_id == chosen), "")


def _given(call: Call) -> str:
    """Return what a tool is given; its title alone may hide what it does."""
    if call.given is not None:
        return json.dumps(call.given, ensure_ascii=False)
    return ", ".join(sorted(call.paths))
