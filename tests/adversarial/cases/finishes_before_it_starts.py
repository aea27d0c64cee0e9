"""Says that it has finished without ever having asked for its clock.

Ends: invalid
Reason: it finished before its clock had started
"""

import os
import time

from safetensors.torch import save_model

from tests.adversarial.honest import build_model


def main() -> None:
    save_model(build_model(), "weights.safetensors")
    channel = int(os.environ["AUTORESEARCH_TRIAL_FD"])
    os.write(channel, b'{"kind":"finished","tokens":1,"steps":1}\n')
    time.sleep(60)
