"""Dead letters over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class DeadLettersApi:
    """Messages that could not be processed."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.DeadLetterPage:
        """List dead letters, newest first.

        Filters: the fields of `LetterFilter` but `ids`, and `waiting` (neither redriven nor discarded), `discarded`, `limit`, `cursor`.
        """
        return await self._api.get("/dead-letters", resources.DeadLetterPage, **filters)

    async def summary(self, **filters: Any) -> resources.DeadLetterSummary:
        """Count dead letters by reader, reason and type; filters as in `list`."""
        return await self._api.get("/dead-letters/summary", resources.DeadLetterSummary, **filters)

    async def get(self, letter_id: str) -> resources.DeadLetterDetail:
        """Return one dead letter with payload and attempts, or raise DeadLetterUnknownError."""
        return await self._api.get(f"/dead-letters/{segment(letter_id)}", resources.DeadLetterDetail)

    async def redrive(
        self, letter_id: str, *, edited: resources.EditedPayload | None = None, queue: str | None = None
    ) -> resources.Redriven:
        """Send a dead letter back to where it came from, or to `queue`; the message keeps its id.

        Args:
            letter_id: the letter.
            edited: new data for the message; the letter keeps the original.
            queue: another queue to send it to.

        Raises:
            DeadLetterUnknownError, DeadLetterRedrivenError
            DeadLetterHomelessError: nobody reads where it came from any more.
            DeadLetterUneditableError: its message has no data that could be replaced.
        """
        body = resources.RedriveRequest(edited=edited, queue=queue)
        return await self._api.post(f"/dead-letters/{segment(letter_id)}/redrive", resources.Redriven, body)

    async def discard(self, letter_id: str, reason: str) -> resources.DeadLetter:
        """Put a dead letter aside for good; its record stays."""
        body = resources.DiscardRequest(reason=reason)
        return await self._api.post(f"/dead-letters/{segment(letter_id)}/discard", resources.DeadLetter, body)

    async def redrive_all(
        self,
        wanted: resources.LetterFilter | None = None,
        *,
        queue: str | None = None,
        rate_per_s: float | None = None,
        dry_run: bool = False,
        expected_at_most: int | None = None,
    ) -> resources.LetterWork:
        """Redrive every waiting letter that matches now, in a job; `client.jobs.wait(work.job.id)` follows it.

        Args:
            wanted: which letters; all that wait when left out.
            queue: send them to this queue instead of where they came from.
            rate_per_s: most letters a second.
            dry_run: only count, and show some.
            expected_at_most: refuse if more match; when left out, a dry run tells first what matches.
        """
        body = resources.BulkRedriveRequest(
            filter=wanted or resources.LetterFilter(), queue=queue, rate_per_s=rate_per_s,
            expected_at_most=expected_at_most,
        )  # fmt: skip
        return await self._in_bulk("redrive", body, dry_run=dry_run)

    async def discard_all(
        self,
        wanted: resources.LetterFilter,
        reason: str,
        *,
        dry_run: bool = False,
        expected_at_most: int | None = None,
    ) -> resources.LetterWork:
        """Discard every waiting letter that matches now, in a job; arguments as in `redrive_all`."""
        body = resources.BulkDiscardRequest(filter=wanted, reason=reason, expected_at_most=expected_at_most)
        return await self._in_bulk("discard", body, dry_run=dry_run)

    async def _in_bulk(
        self, verb: str, body: resources.BulkRedriveRequest | resources.BulkDiscardRequest, *, dry_run: bool
    ) -> resources.LetterWork:
        if dry_run or body.expected_at_most is None:
            body.dry_run = True
            work = await self._api.post(f"/dead-letters/{verb}", resources.LetterWork, body)
            if dry_run:
                return work
            body.dry_run, body.expected_at_most, body.up_to = False, work.count, work.up_to
        return await self._api.post(f"/dead-letters/{verb}", resources.LetterWork, body)
