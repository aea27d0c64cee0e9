"""A training script whose result is known: the lab's tests edit it."""

import prepare

LEARNING_RATE = 0.04  # step size
WIDTH = 64  # features of a layer


def build_model() -> dict[str, float]:
    return {"LEARNING_RATE": LEARNING_RATE, "WIDTH": WIDTH}


def main() -> None:
    trial = prepare.open_trial()
    trial.start()
    while trial.running:
        pass
    trial.finish(build_model())


if __name__ == "__main__":
    main()
