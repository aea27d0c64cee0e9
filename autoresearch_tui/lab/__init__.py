"""Makes it happen: the process that runs a night, and leaves the user's work tree alone."""
