"""Facts survive their journal, and a reader survives what it finds there."""

import resource
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact, Notice, UnknownFact
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.lines import LineTail, LineWriter
from autoresearch_tui.record.vocabulary import Level

NOTICES = st.builds(
    Notice,
    at=st.floats(0, 2e9),
    level=st.sampled_from(Level),
    text=st.text(),
)


@given(st.lists(NOTICES, max_size=5))
def test_what_is_encoded_is_decoded(facts: list[Notice]) -> None:
    assert [events.decode(events.encode(fact)) for fact in facts] == facts


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    kinds = [kind.__struct_config__.tag for kind in KnownFact.__args__]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(set(kinds)) == len(kinds)


def test_an_unknown_kind_is_kept_apart() -> None:
    fact = events.decode(b'{"kind":"from_the_future","at":3.5,"v":9,"what":[1]}')
    assert fact == UnknownFact(kind="from_the_future", at=3.5)


def test_a_known_kind_with_another_meaning_is_unknown() -> None:
    assert isinstance(events.decode(b'{"kind":"notice","at":1,"level":{}}'), UnknownFact)


def test_new_fields_of_a_newer_version_are_passed_over() -> None:
    fact = events.decode(b'{"kind":"paused","at":1.0,"v":2,"by":"me","mood":"calm"}')
    assert fact == events.Paused(at=1.0, v=2, by="me")


def journal_with(path: Path, *texts: str) -> bytes:
    journal = Journal(path)
    for text in texts:
        journal.append(Notice(at=1.0, level=Level.INFO, text=text))
    journal.close()
    return path.read_bytes()


def texts(reader: JournalReader) -> list[str]:
    return [fact.text for fact in reader.read() if isinstance(fact, Notice)]


def test_a_journal_cut_at_any_byte_of_its_last_line_loses_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = journal_with(path, "one", "two", "thr\u00e9e")
    second_end = whole.index(b"\n", whole.index(b"two")) + 1
    for cut in range(second_end, len(whole)):
        path.write_bytes(whole[:cut])
        journal = Journal(path)
        journal.append(Notice(at=2.0, level=Level.INFO, text="four"))
        journal.close()
        found = texts(JournalReader(path))
        # All but the line's end were there: then the fact is whole.
        assert found in (["one", "two", "four"], ["one", "two", "thr\u00e9e", "four"])
        assert ("thr\u00e9e" in found) == (cut == len(whole) - 1)


def test_a_line_that_is_still_being_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = journal_with(path, "one", "two")
    reader = JournalReader(path)
    seen: list[str] = []
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        seen += texts(reader)
    assert seen == ["one", "two"]
    assert reader.unreadable_lines == 0


def test_a_damaged_line_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = journal_with(path, "one")
    path.write_bytes(whole + b'\xff\xfe{"kind"\n[]\n' + whole)
    reader = JournalReader(path)
    assert texts(reader) == ["one", "one"]
    assert reader.unreadable_lines == 2


def test_a_missing_journal_holds_nothing(tmp_path: Path) -> None:
    assert list(JournalReader(tmp_path / "none").read()) == []


def test_a_write_that_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    writer = LineWriter(path)
    writer.write(b"one")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system writes up to the limit and then refuses, as a disk does that becomes full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            writer.write(b"a line that is too long")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert path.read_bytes() == b"one\n"
    writer.write(b"two")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"1\n2\n3\n")
    tail = LineTail(path)
    assert tail.read() == [b"1", b"2", b"3"]
    path.write_bytes(b"4\n")
    assert tail.read() == [b"4"]


def test_decoding_what_is_no_fact_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        events.decode(b'{"kind":"noti')
