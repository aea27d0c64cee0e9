"""Python in colours: which characters of each line are of which style.

One expression finds all tokens, so that five thousand lines take some hundredths of a second: a
whole lexer takes a second for them, and longer than that to be imported over a slow disk.
"""

import keyword
import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""
    (?P<note>\#[^\n]*)
  | (?P<text>(?<!\w)(?:[rRbBfFuU]{1,2}(?=["']))?
        (?: \"\"\"(?:[^"\\]|\\.|"(?!""))*(?:\"\"\"|\Z)
          | '''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z)
          | "(?:[^"\\\n]|\\[^\n])*"?
          | '(?:[^'\\\n]|\\[^\n])*'? ))
  | (?P<name>(?<=\bdef\ )\w+ | (?<=\bclass\ )\w+ | ^[ \t]*@[\w.]+)
  | (?P<number>(?<![\w.])(?:0[xXoObB][\da-fA-F_]+ | (?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)
        (?:[eE][+-]?\d[\d_]*)?)[jJ]?)
  | (?P<key>\b(?:KEYWORDS)\b)
    """.replace("KEYWORDS", "|".join(keyword.kwlist)),
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

Colouring = tuple[tuple[int, int, str], ...]
"""Where coloured pieces of a line start and end, and their styles."""


@lru_cache(maxsize=16)
def coloured(source: str) -> list[Colouring]:
    """Return the colouring of each line of a file, the first line first."""
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    lines: list[list[tuple[int, int, str]]] = [[] for _ in starts]
    line = 0
    for token in _TOKEN.finditer(source):
        start, end = token.span()
        style = f"code-{token.lastgroup}"
        while line + 1 < len(starts) and starts[line + 1] <= start:
            line += 1
        last = line
        while last + 1 < len(starts) and starts[last + 1] < end:
            first, after = max(start, starts[last]), starts[last + 1] - 1
            if first < after:
                lines[last].append((first - starts[last], after - starts[last], style))
            last += 1
        first = max(start, starts[last])
        if first < end:
            lines[last].append((first - starts[last], end - starts[last], style))
    return [tuple(each) for each in lines]
