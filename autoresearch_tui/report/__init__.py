"""The morning after: what a session came to, in plain text."""
