"""The agent's notebook: one page, which it keeps from proposal to proposal and a person may edit.

Every page that there was stays in a file of its own, `notebook/0003.md`; the facts tell which one
is the latest and who wrote it.
"""

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session

PAGE_CHARACTERS = 4_000


def read(session: Session, state: SessionState) -> str:
    """Return the notebook's page; empty where there is none, or it can not be read."""
    try:
        return session.page(state.page).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def write(session: Session, state: SessionState, record: Record, text: str, by: str) -> bool:
    """Put another page in the notebook's place, cut to `PAGE_CHARACTERS`; false where it is that.

    Raises:
        OSError: the disk is full or gone.
    """
    text = _bounded(text)
    if text == read(session, state):
        return False
    number = state.page + 1
    path = session.page(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file that is there already is of a lab that died before it told of it.
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(text.encode())
    temporary.replace(path)
    record(events.PageWritten(at=clock.now(), page=number, by=by, characters=len(text)))
    return True


def rewrite(
    state: SessionState, command: messages.WritePage, record: Record, session: Session
) -> Reply:
    """Put a person's page in the notebook's place, unless another one is there meanwhile.

    Raises:
        OSError: it can not be written or recorded.
    """
    length = len(command.text.strip())
    if length > PAGE_CHARACTERS:
        return refused(
            f"the page has {length} characters; {PAGE_CHARACTERS} is the most. Shorten it"
        )
    if command.text.strip() == read(session, state).strip():
        return nothing("that is what the notebook holds already")
    if command.page not in (None, state.page):
        return refused(
            f"{state.page_by} wrote page {state.page} while you edited page {command.page}; "
            "look at it, and edit again"
        )
    write(session, state, record, command.text, command.by)
    return done(f"the notebook has page {state.page}; the next proposal is given it")


def _bounded(text: str) -> str:
    """Return the text without blanks around it, and with one line's end; empty where it is."""
    text = text.replace("\r\n", "\n").strip()[:PAGE_CHARACTERS].rstrip()
    return f"{text}\n" if text else ""
