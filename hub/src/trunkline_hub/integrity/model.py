"""What a verification finds, and its verdict. Pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trunkline.protocol import binary, modes
from trunkline.protocol.errors import MessageError
from trunkline.protocol.resources import Finding, Verification

_LISTED = 200
"""Findings that are kept with their details; all are counted."""
_NOTICES = frozenset({"undecodable", "unarchived"})


@dataclass
class Report:
    """What was found so far."""

    checked: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, place: str, first_seq: int, last_seq: int, detail: str) -> None:
        """Note a finding; what only continues the one before it is joined with it."""
        self.counts[kind] += last_seq - first_seq + 1
        before = self.findings[-1] if self.findings else None
        same = before is not None and (before.kind, before.place, before.detail) == (kind, place, detail)
        if before is not None and same and first_seq == before.last_seq + 1:
            before.last_seq = last_seq
        elif len(self.findings) < _LISTED:
            finding = Finding(
                kind=kind, place=place, first_seq=first_seq, last_seq=last_seq, detail=detail,
                is_damage=kind not in _NOTICES,
            )  # fmt: skip
            self.findings.append(finding)

    @property
    def is_damaged(self) -> bool:
        return any(kind not in _NOTICES for kind in self.counts)

    def result(self) -> Verification:
        """Return the verdict."""
        return Verification(
            verdict="damaged" if self.is_damaged else "intact", checked=dict(self.checked), counts=dict(self.counts),
            findings=self.findings,
        )  # fmt: skip

    def save(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self.result())
        return found

    @classmethod
    def resumed(cls, saved: Mapping[str, Any] | None) -> "Report":
        if saved is None:
            return cls()
        found = msgspec.convert(saved, Verification)
        return cls(checked=Counter(found.checked), counts=Counter(found.counts), findings=list(found.findings))


def digest(subject: str, payload: bytes, headers: Mapping[str, str]) -> str:
    """Return what tells one message from another; in binary mode, an event's attributes are headers."""
    attributes = "".join(f"{name.lower()}: {value}\n" for name, value in sorted(modes.kept(headers).items()))
    told = attributes if binary.is_binary(headers) else ""
    return hashlib.sha256(f"{subject}\n{told}".encode() + payload).hexdigest()


def what_is_wrong(payload: bytes, headers: Mapping[str, str]) -> str | None:
    """Return why an event cannot be decoded, or None."""
    try:
        modes.read(payload, headers)
    except MessageError as error:
        return str(error)
    return None
