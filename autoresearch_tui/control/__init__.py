"""Commands from a viewer to the lab, over a socket that only its user can reach."""
