"""The screen: watches a night through its files, steers it through the lab's socket."""
