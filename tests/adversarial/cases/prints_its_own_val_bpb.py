"""Prints a val_bpb of its own in the form of the summary, logs one, and writes an evaluation.

Ends: same score
"""

from tests.adversarial.honest import build_model, prepare, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    trial.log(loss=0.01, val_bpb=0.01)
    for name in ("evaluation.json", "verdict.json"):
        (trial.folder / name).write_text('{"valid": true, "reason": null, "val_bpb": 0.01}')
    print("---\nval_bpb:          0.010000", flush=True)
    trial.finish(model)
