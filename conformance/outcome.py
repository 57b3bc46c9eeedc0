"""How a suite went."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One suite: what passed, what failed, what was not run and why."""

    suite: str
    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """Return the line that is printed."""
        line = f"{self.suite}: {len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        told = [f"    failed: {name}" for name in self.failed]
        told += [f"    skipped: {name}: {why}" for name, why in self.skipped.items()]
        return "\n".join([line, *told])

    def as_json(self) -> dict[str, object]:
        return {"suite": self.suite, "passed": self.passed, "failed": self.failed, "skipped": self.skipped}
