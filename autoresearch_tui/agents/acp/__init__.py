"""The acp agent: any coding agent that speaks the Agent Client Protocol, as a subprocess.

`agent` asks it for a proposal, `process` and `guard` keep and end its processes, `wire` carries
the messages, `host` answers what it asks for, by the `policy`, in its `folder`; `question` is what
it is told, and `closing` reads how it ends.
"""
