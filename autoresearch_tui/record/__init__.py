"""What happened: typed facts, the journal that holds them, and the state folded from them.

`events` are the facts, told in the words and values of the `vocabulary`; `journal` writes and
reads them, `fold` makes the `state` of them, by the `rules`. `samples` are the files beside the
journal, and `lines` is how all of these are appended to and followed.
"""
