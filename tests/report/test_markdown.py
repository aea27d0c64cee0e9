"""Text of agents and runs stays text, whatever it holds."""

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from autoresearch_tui.report.markdown import code, fenced, inline, table

HOSTILE = st.text(
    st.sampled_from([*"`*_[]()<>!#|~\\&;:/=+-.\"'$ \t\n\r\x1b\x00\x85\u2028aZ09é", "\u202e"]),
    max_size=40,
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    return [each for token in MARKDOWN.parse(text) for each in (token, *(token.children or []))]


def kinds(text: str) -> list[str]:
    """Return the shape of a page; how many pieces of text a line is made of says nothing."""
    found = [token.type for token in tokens(text)]
    return [kind for kind in found if kind not in ("text", "text_special", "entity")]


def words(text: str) -> str:
    """Return what a reader sees."""
    seen = [token for token in tokens(text) if not token.children]
    return "".join(token.content for token in seen if token.type != "inline")


def as_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(HOSTILE)
@example("![x](http://a)<img src=x onerror=alert(1)>&lt;")
@example("snake_case _not_ *so* `code` ~~no~~ # 1. -")
@example("title #")
def test_a_heading_a_cell_and_a_sentence_show_the_text_as_it_is(text: str) -> None:
    page = "## #1 {0}\n\nHypothesis: {0}\n\n- #2 {0}: x\n\n" + table(("a", " b"), [("{0}", "1")])
    assert kinds(page.replace("{0}", inline(text))) == kinds(page.replace("{0}", "word"))
    assert (
        words(f"Hypothesis: {inline(text)}.")
        == " ".join(f"Hypothesis: {as_line(text)}".split(" ")) + "."
    )


@given(HOSTILE)
@example("```\n# out\n````")
@example("~~~\n")
def test_a_block_ends_where_it_should(text: str) -> None:
    (block, after) = [t for t in MARKDOWN.parse(fenced(text, "diff") + "\n\nafter") if t.content]
    assert (block.type, block.info) == ("fence", "diff")
    assert after.content == "after"
    assert "\x1b" not in block.content


@given(HOSTILE.filter(lambda text: as_line(text) == text and text))
def test_a_command_is_shown_as_it_is_typed(text: str) -> None:
    assert [t.content for t in tokens("see " + code(text)) if t.type == "code_inline"] == [text]


@given(HOSTILE, st.integers(1, 20))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    assert len(words(f"x {inline(text, limit)}")) <= limit + 2
