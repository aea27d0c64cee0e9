"""The glyphs of the screen, and what stands for them where only ASCII can be shown."""

CROSS = "\N{MULTIPLICATION SIGN}"
"""Named, since it looks like a letter in the source."""

_STAND_INS = {
    "…": "~", "·": ".", "•": "*", "●": "@", "○": "o", "\N{MULTIPLICATION SIGN}": "x", "★": "*",
    "▶": ">", "◆": "#", "▸": ">", "▾": "v",
    "■": "#", "▲": "^", "▴": "^", "↑": "^", "↓": "v", "→": ">", "←": "<", "»": ">", "✓": "+",
    "─": "-", "━": "=", "│": "|", "┃": "|", "╮": "+", "╰": "+", "╭": "+", "╯": "+", "┤": "|",
    "├": "|", "└": "+", "┴": "+", "┬": "+", "┼": "+", "█": "#", "▓": "=", "▒": ":", "░": ".",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "‖": "|", "Δ": "d",
    "°": " ", "⏎": "^",
    "\N{EN DASH}": "-", "\N{MINUS SIGN}": "-", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": '"', "”": '"', "⠿": "%", "◌": "o", "▏": "|", "▚": "%",
    "▼": "v", "◇": "p", "▽": "V", "±": "~", "╌": "-",
}  # fmt: skip
BRAILLE_BASE = 0x2800
_BRAILLE_DENSITY = " .:+*#"


def _braille_stand_in(dots: int) -> str:
    return _BRAILLE_DENSITY[min(dots.bit_count(), len(_BRAILLE_DENSITY) - 1)]


TO_ASCII = str.maketrans(
    _STAND_INS | {chr(BRAILLE_BASE + dots): _braille_stand_in(dots) for dots in range(256)}
)


def to_ascii(text: str) -> str:
    """Return the text in ASCII: glyphs by their stand-ins, anything else as question marks."""
    if text.isascii():
        return text
    return text.translate(TO_ASCII).encode("ascii", "replace").decode("ascii")
