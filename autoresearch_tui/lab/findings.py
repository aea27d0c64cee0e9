"""What an examination of the machine found."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check went."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the examination; what is not well says how to mend it."""

    grade: Grade
    subject: str
    sentence: str


def ok(subject: str, sentence: str) -> Finding:
    """Return that something is as a night needs it."""
    return Finding(Grade.OK, subject, sentence)


def note(subject: str, sentence: str) -> Finding:
    """Return what a person should know, and may leave as it is."""
    return Finding(Grade.NOTE, subject, sentence)


def fail(subject: str, sentence: str) -> Finding:
    """Return what a night will fail on."""
    return Finding(Grade.FAIL, subject, sentence)
