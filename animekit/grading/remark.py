"""Remark: what is wrong with something handed in, or what a teacher should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Remark:
    """One clear line: a fault, or a hint that leaves the judgement to a person.

    `code` is for programs, `text` begins small, as it stands behind a name.
    """

    code: str
    text: str
    fault: bool = True

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"code": self.code, "text": self.text, "fault": self.fault}


def hint(code: str, text: str) -> Remark:
    """Return a remark that is no fault."""
    return Remark(code, text, fault=False)


def joined(remarks: Iterable[Remark]) -> str:
    """Return remarks in one line, faults first."""
    return "; ".join(each.text for each in sorted(remarks, key=lambda each: not each.fault))
