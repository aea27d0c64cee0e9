"""The panes and lines that screens are made of, each drawn line by line."""
