"""What can be said of a set of measurements: pure functions, numbers in and numbers out."""
