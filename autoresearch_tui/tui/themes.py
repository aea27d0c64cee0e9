"""Our themes, and the shades that are mixed of any theme's colours.

`night` and `day` for dark and light terminals; `safe` and `safe-day` for eyes that do not tell red
from green (the colours of Okabe and Ito: blue is good, orange is bad); `sixteen` for terminals with
the 16 colours of their own alone, whatever they are.

The rows of a canvas are styled span by span, where nothing blends a half-transparent colour with
what lies behind it: so the shades are mixed here, once for each theme.
"""

from collections.abc import Mapping

from textual.color import Color
from textual.theme import Theme

NIGHT = Theme(
    name="autoresearch-night",
    primary="#5fafd7",
    secondary="#af87d7",
    accent="#ffaf5f",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success="#87d787",
    warning="#ffd75f",
    error="#ff8787",
    dark=True,
)
DAY = Theme(
    name="autoresearch-day",
    primary="#005f87",
    secondary="#5f3f87",
    accent="#af5f00",
    foreground="#303030",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    success="#00702f",
    warning="#876000",
    error="#af0000",
    dark=False,
)
SAFE = Theme(
    name="autoresearch-safe",
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#f0e442",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success="#56b4e9",
    warning="#f0e442",
    error="#e69f00",
    dark=True,
)
SAFE_DAY = Theme(
    name="autoresearch-safe-day",
    primary="#005f8f",
    secondary="#8f3f6f",
    accent="#5f5f00",
    foreground="#303030",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    success="#0060a0",
    warning="#6f5f00",
    error="#b04a00",
    dark=False,
)
SIXTEEN = Theme(
    name="autoresearch-sixteen",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_magenta",
    accent="ansi_yellow",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-cursor-text-style": "none",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_white",
    },
)
OURS = (NIGHT, DAY, SAFE, SAFE_DAY, SIXTEEN)

SHADES = {
    "muted": ("foreground", 0.62),
    "faint": ("foreground", 0.28),
    "cursor-row": ("primary", 0.38),
    "blurred-row": ("foreground", 0.13),
    "added-background": ("success", 0.3),
    "removed-background": ("error", 0.3),
    "added-tint": ("success", 0.1),
    "removed-tint": ("error", 0.1),
}
"""Our own variables: a colour of the theme, and how much of it goes into its background."""

PLAIN_SHADES = {
    "muted": "ansi_default",
    "faint": "ansi_bright_black",
    "cursor-row": "ansi_blue",
    "blurred-row": "ansi_bright_black",
    "added-background": "ansi_default",
    "removed-background": "ansi_default",
    "added-tint": "ansi_default",
    "removed-tint": "ansi_default",
}
"""The same for themes of the terminal's own colours, which can not be mixed."""


def shades(variables: dict[str, str]) -> dict[str, str]:
    """Return our variables for the theme that has these."""
    background = variables["background"]
    if background.startswith("ansi"):
        return PLAIN_SHADES
    behind = Color.parse(background)
    return {
        name: behind.blend(Color.parse(variables[of]), share, alpha=1.0).hex
        for name, (of, share) in SHADES.items()
    }


def has_many_colours(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal of `environ` shows 256 colours or more, by its own word."""
    if "NO_COLOR" in environ:
        return False
    kind = environ.get("TERM", "")
    # As Textual's renderer decides it: what is painted in a colour that is not there looks wrong.
    return environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or kind.endswith(
        ("256color", "kitty", "direct")
    )


def default(environ: Mapping[str, str]) -> Theme:
    """Return the theme of a terminal whose person chose none."""
    return NIGHT if has_many_colours(environ) else SIXTEEN


def choice_of(environ: Mapping[str, str]) -> str:
    """Return under which name a choice is kept: one for each kind of terminal."""
    return "theme" if has_many_colours(environ) else "theme.sixteen"
