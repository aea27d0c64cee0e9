"""A training script whose result is known: the lab's tests edit it."""

import prepare

LEARNING_RATE = 0.04  # step size
WIDTH = 64  # features of a layer
WEIGHT_DECAY = 0.1  # pull towards zero
MOMENTUM = 0.9  # share of the last step
INIT_SCALE = 0.02  # spread of the first weights


def build_model() -> dict[str, float]:
    return {
        "LEARNING_RATE": LEARNING_RATE,
        "WIDTH": WIDTH,
        "WEIGHT_DECAY": WEIGHT_DECAY,
        "MOMENTUM": MOMENTUM,
        "INIT_SCALE": INIT_SCALE,
    }


def main() -> None:
    trial = prepare.open_trial()
    trial.start()
    while trial.running:
        pass
    trial.finish(build_model())


if __name__ == "__main__":
    main()
