"""What happened: typed facts, the journal that holds them, and the state folded from them.

`events` are the facts, `journal` writes and reads them, `fold` makes the `state` of them.
`samples` are the files beside the journal, and `lines` is how all of these are appended to and
followed.
"""
