"""What each fact changes in the state, by what it is about; `fold` has them in one table."""
