"""The screens: the cockpit, one experiment, and what asks the person something."""
