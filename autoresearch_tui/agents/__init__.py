"""Who proposes: each agent is asked one bounded question and answers with one edit of `train.py`.

`base` is the contract, `catalogue` makes an agent from its name; `tpe` moves constants by
statistics alone, `claude` edits by a language model's reasoning, `acp` is any coding agent that
speaks the Agent Client Protocol.
"""
