"""The command palette: every verb by its name."""

from textual.command import CommandPalette, SearchIcon
from textual.widgets import Input, LoadingIndicator


class Palette(CommandPalette):
    """Textual's palette without what moves by itself: a blinking cursor, a running light."""

    def on_mount(self) -> None:
        """Keep still while nobody types."""
        self.query_one(Input).cursor_blink = False
        # A glyph that many terminals lack, or take for one cell.
        self.query_one(SearchIcon).display = False
        # It stays in place, for the palette looks it up, and takes no room and no time.
        light = self.query_one(LoadingIndicator)
        light.display = False
        light.auto_refresh = None
