"""Takes out of a text what looks like a secret: keys, tokens, passwords, private keys.

What a training run prints may hold any of them, and goes to screens, into facts and to agents. A
pattern knows the shapes of well-known keys, and values of some length behind names such as
`API_KEY`; a secret of another shape stays.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable

MASK = "[masked]"
LEAST_SECRET_CHARACTERS = 6
"""Shorter values are no secrets to look for: they stand everywhere by chance."""
SECRET_CHARACTERS = 8_192
"""How long a secret may be. Who masks the end of a text masks as much before it, too: a secret
whose beginning is cut off is not recognised."""
LEAST_ENTROPY_BITS = 3.0
"""Of a value, a character: names and words that are repeated have less."""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.{0,8192}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|[A-Za-z0-9+/=\s:,-]{0,8192})",
    re.DOTALL,
)
_PRIVATE_KEY_END = re.compile(
    r"\A.{0,8192}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL
)
_KNOWN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{16,}
    | gh[opusr]_[A-Za-z0-9]{16,}
    | github_pat_[A-Za-z0-9_]{16,}
    | glpat-[A-Za-z0-9_-]{16,}
    | (?:AKIA|ASIA)[A-Z0-9]{16}
    | AIza[A-Za-z0-9_-]{30,}
    | hf_[A-Za-z0-9]{30,}
    | npm_[A-Za-z0-9]{30,}
    | pypi-[A-Za-z0-9_-]{30,}
    | xox[abeoprs]-[A-Za-z0-9-]{10,}
    | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    )""",
    re.VERBOSE,
)
_BEARER = re.compile(
    r"\b(bearer|(?:authorization|proxy-authorization)\s*[:=]\s*(?:basic|token))(\s+)"
    r"[A-Za-z0-9._~+/=-]{12,}",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)([^\s/:@]{0,100}):[^\s/@]{3,200}(?=@)")
_NAMED = re.compile(
    r"""(?P<name>[A-Za-z0-9_.-]{0,60}
        (?:api[_-]?key|secret|token|passw(?:or)?d|passphrase|credentials?|[_-]key|access[_-]?key(?:[_-]?id)?))
    (?P<between>["']?\s{0,3}(?:=>|[:=])\s{0,3})
    (?P<quote>["']?)(?P<value>[^\s"',;]{6,400})""",
    re.VERBOSE | re.IGNORECASE,
)


def mask(text: str, values: Iterable[str] = ()) -> str:
    """Return the text without what looks like a secret, and without these very `values`."""
    text = _without(text, [value for value in values if len(value) >= LEAST_SECRET_CHARACTERS])
    text = _PRIVATE_KEY.sub(MASK, text)
    if "PRIVATE KEY" in text:
        # The end of a block whose beginning was cut off.
        text = _PRIVATE_KEY_END.sub(MASK, text)
    text = _KNOWN.sub(MASK, text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    text = _IN_URL.sub(rf"\1:{MASK}", text)
    return _NAMED.sub(_mask_named, text)


def _mask_named(match: re.Match[str]) -> str:
    value = match["value"]
    if value.startswith(MASK[:-1]) or not _is_secret(match["name"], value):
        return match[0]
    return f"{match['name']}{match['between']}{match['quote']}{MASK}"


def _is_secret(name: str, value: str) -> bool:
    if re.search(r"passw|passphrase", name, re.IGNORECASE):
        return True
    letters = any(character.isalpha() for character in value)
    digits = any(character.isdigit() for character in value)
    return len(value) >= 12 and letters and digits and _entropy(value) >= LEAST_ENTROPY_BITS


def _entropy(text: str) -> float:
    """Return Shannon's entropy of a text's characters, in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


class StreamMask:
    """Takes known values out of a text that comes in pieces, wherever it was cut."""

    def __init__(self, values: Iterable[str]) -> None:
        """Look for these `values`; such as are too short to be secrets are let through."""
        self._values = [value for value in values if len(value) >= LEAST_SECRET_CHARACTERS]
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what of the text so far can be told; the rest may be the beginning of a value."""
        text = _without(self._held + piece, self._values)
        keep = max((_overlap(text, value) for value in self._values), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return what was held back: the text ends here."""
        held, self._held = self._held, ""
        return held


def _without(text: str, values: Iterable[str]) -> str:
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _overlap(text: str, value: str) -> int:
    """Return how much of a text's end is the beginning of a value."""
    for length in range(min(len(text), len(value) - 1), 0, -1):
        if text.endswith(value[:length]):
            return length
    return 0
