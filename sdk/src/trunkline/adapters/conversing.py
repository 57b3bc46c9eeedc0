"""A run that stops for a person and goes on later, maybe in another process: the same course for every framework."""

from typing import Any, Protocol

from trunkline.adapters.asking import Answers, recall, remember
from trunkline.context import Context


class Talk(Protocol):
    """One run of a framework's agent, which may stop to ask."""

    async def begin(self, payload: Any) -> Any:
        """Run from the input on; returns what the framework returned."""

    def waits(self, result: Any) -> bool:
        """Whether it stopped to ask."""

    def freeze(self, result: Any) -> Any:
        """Return a stopped run as JSON data."""

    async def go_on(self, frozen: Any, answers: Answers) -> Any:
        """Ask what the stopped run wants to know, and run on with the answers."""

    async def output(self, result: Any) -> Any:
        """Return what the agent answered."""


async def converse(talk: Talk, payload: Any, context: Context) -> Any:
    """Run to the end. Where a person is asked the task waits, and what was done by then is not done again."""
    answers = Answers(context)
    stopped = await recall(context)
    if stopped is None:
        result = await talk.begin(payload)
    else:
        await answers.skip(stopped["used"])
        result = await talk.go_on(stopped["run"], answers)
    while talk.waits(result):
        frozen = talk.freeze(result)
        await remember(context, {"used": answers.used, "run": frozen})
        result = await talk.go_on(frozen, answers)
    return await talk.output(result)
