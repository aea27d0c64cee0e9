"""Where experiments are trained and evaluated."""
