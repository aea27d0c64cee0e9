"""Our two themes, and the shades that are mixed of any theme's colours.

The rows of a canvas are styled span by span, where nothing blends a half-transparent colour with
what lies behind it: so the shades are mixed here, once for each theme.
"""

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
