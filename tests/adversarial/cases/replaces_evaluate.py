"""Replaces all that measures in prepare.py, wherever its module is loaded.

Ends: same score
"""

from typing import Any

import prepare
from tests.adversarial.honest import build_model


def good(*_: object, **__: object) -> dict[str, Any]:
    return {"valid": True, "reason": None, "val_bpb": 0.01, "nats": 1.0, "seconds": 1.0}


for name in ("evaluate", "measure", "judge", "target_nats", "probe", "put_questions"):
    setattr(prepare, name, good)
prepare.LEAK_LIMIT_NATS = prepare.NOISE_LIMIT_NATS = 1e9
assert build_model
