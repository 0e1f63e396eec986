"""Trains the starter model that the demonstration shows detection with, and writes it with its description.

    PYTHONPATH=. VENV/bin/python .setup/starter-model/train.py --work FOLDER

VENV is a Python 3.11 with `requirements.txt` of this folder, 1.3 GB; no set-up and no test needs it. FOLDER takes
3 GB of drawn pictures and a checkpoint after each epoch; an interrupted run goes on from there. All is seeded and the
threads are pinned, yet another processor family may round otherwise: the file in the tree is the model, its sha256
stands in the description, and a test scores it on pictures that no training has seen.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from av.video.reformatter import Interpolation
from net import HEIGHT, LABELS, WIDTH, Array, build, converted, loss, targets

from tests.peers.drawn import UNSEEN, Seen, View, random_crop, shots, view

FILMS, BATCH = 7000, 32

ROUNDS = ((4, 2e-3), (3, 1e-3))
"""Epochs and the rate they begin with; each round ends at a hundredth of it (SGDR, Loshchilov and Hutter 2017)."""

WARM_UP = 100
"""Steps until the first round's rate is reached."""
SEED = 20261125

VIEWS = 2
"""Of each picture: the whole and one crop."""

CHECK_FROM, CHECK_FILMS = UNSEEN - 1000, 60
"""Films that are only looked at between epochs."""


def views_of(seed: int) -> list[View]:
    """All views of one film."""
    random = np.random.default_rng([SEED, seed])
    ways = (Interpolation.BILINEAR, Interpolation.BILINEAR, Interpolation.AREA, Interpolation.BICUBIC)
    found = []
    for shot in shots(seed):
        for crop in ((0.0, 0.0, 1.0, 1.0), random_crop(random, shot)):
            pad = int(random.choice([114, 114, 0, 128]))
            align = float(random.choice([0.0, 0.5]))
            way = ways[int(random.integers(len(ways)))]
            found.append(view(shot, (WIDTH, HEIGHT), crop, pad=pad, align=align, interpolation=way))
    return found


def draw(work: Path, name: str, first: int, films: int) -> tuple[np.memmap, list[tuple[Seen, ...]]]:  # type: ignore[type-arg]
    """Pictures (N, HEIGHT, WIDTH, 3) and who is on each; drawn once by two processes, then read."""
    file, about = work / f"{name}-{films}.u8", work / f"{name}-{films}.json"
    if not about.exists():
        seen: list[list[tuple[str, tuple[float, ...], float]]] = []
        with file.open("wb") as out, get_context("spawn").Pool(2) as pool:
            for views in pool.imap(views_of, range(first, first + films), chunksize=8):
                for one in views:
                    out.write(one.picture.tobytes())
                    seen.append([(s.label, s.box, s.shows) for s in one.seen])
        about.write_text(json.dumps(seen), encoding="utf-8")
    rows = json.loads(about.read_text(encoding="utf-8"))
    who = [tuple(Seen(label, tuple(box), shows) for label, box, shows in row) for row in rows]
    return np.memmap(file, np.uint8, "r", shape=(len(who), HEIGHT, WIDTH, 3)), who


def batch(
    pictures: np.ndarray,
    who: list[tuple[Seen, ...]],
    random: np.random.Generator,  # type: ignore[type-arg]
) -> tuple[Array, ...]:
    """Pixels and targets; half of the pictures mirrored, all by a slightly other light."""
    pixels, wanted = pictures.astype(np.float32), []
    for index, seen in enumerate(who):
        mirrored = random.random() < 0.5
        if mirrored:
            pixels[index] = pixels[index, :, ::-1]
        pixels[index] = pixels[index] * random.uniform(0.85, 1.15, 3) + random.uniform(-12, 12)
        wanted.append(targets(_mirrored(seen) if mirrored else seen))
    return np.clip(pixels, 0, 255), *(np.stack(part).astype(np.float32) for part in zip(*wanted, strict=True))


def _mirrored(seen: tuple[Seen, ...]) -> tuple[Seen, ...]:
    return tuple(Seen(one.label, (1 - one.box[2], one.box[1], 1 - one.box[0], one.box[3]), one.shows) for one in seen)


class Rate(tf.keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rate at each step: half a cosine a round."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        now, begins, rate = tf.cast(step, tf.float32), 0.0, tf.constant(0.0)
        for epochs, top in ROUNDS:
            part = tf.clip_by_value((now - begins) / (epochs * self._steps), 0.0, 1.0)
            rate = tf.where(now >= begins, top * (0.01 + 0.495 * (1 + tf.cos(np.pi * part))), rate)
            begins += epochs * self._steps
        return rate * tf.minimum(1.0, (now + 1) / WARM_UP)


def train(work: Path, films: int) -> tf.keras.Model:
    """The trained net."""
    pictures, who = draw(work, "train", 0, films)
    check, check_who = draw(work, "check", CHECK_FROM, CHECK_FILMS)
    net = build()
    steps = len(who) // BATCH
    optimizer = tf.keras.optimizers.Adam(Rate(steps), clipnorm=10.0)

    @tf.function
    def step(pixels: tf.Tensor, heat: tf.Tensor, weight: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(*net(pixels, training=True), heat, weight, told)
        slopes = tape.gradient(value, net.trainable_variables)
        optimizer.apply_gradients(zip(slopes, net.trainable_variables, strict=True))
        return value

    state = tf.train.Checkpoint(net=net, optimizer=optimizer, epoch=tf.Variable(0))
    manager = tf.train.CheckpointManager(state, str(work / f"state-{films}"), max_to_keep=2)
    if manager.latest_checkpoint:
        optimizer.build(net.trainable_variables)
        state.restore(manager.latest_checkpoint)
    say(f"{net.count_params()} parameters, {len(who)} pictures, {steps} steps an epoch")
    for epoch in range(int(state.epoch), sum(epochs for epochs, _ in ROUNDS)):
        random = np.random.default_rng([SEED, epoch])
        order, began, total = random.permutation(len(who)), time.perf_counter(), 0.0
        for index in range(steps):
            chosen = np.sort(order[index * BATCH : (index + 1) * BATCH])
            total += float(step(*batch(pictures[chosen], [who[i] for i in chosen], random)))
            if index % 100 == 99:
                say(f"  {index + 1}: {total / (index + 1):.3f}, {time.perf_counter() - began:.0f} s")
        state.epoch.assign(epoch + 1)
        manager.save()
        wanted = [np.stack(part).astype(np.float32) for part in zip(*map(targets, check_who), strict=True)]
        checked = float(loss(*net.predict(check.astype(np.float32), verbose=0), *wanted))
        say(f"epoch {epoch + 1}: loss {total / steps:.3f}, check {checked:.3f}, {time.perf_counter() - began:.0f} s")
    return net


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


DESCRIPTION = """\
# The demonstration's own model: figures and vehicles as the demonstration draws them, and nothing else. It shows that
# the chain works; it says nothing about real pictures and is never chosen where a real model is.
# Made by .setup/starter-model/train.py; do not edit.
name = "demo"
file = "{file}"
sha256 = "{sha256}"
head = "ssd"
interpreter = "tflite"
width = {width}
height = {height}
order = "rgb"
fill = 114
input = "float32"
score = 0.4
rank = 0
demo = true
licence = "EUPL-1.2"
origin = "trained from nothing by .setup/starter-model/train.py on drawn pictures ({films} films, {epochs} epochs)"

[labels]
{labels}
"""


def main() -> None:
    """Draw, train, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--out", type=Path, default=Path("appliance/detection/models/demo/demo.tflite"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = converted(train(arguments.work, arguments.films))
    out: Path = arguments.out
    out.write_bytes(model)
    description = DESCRIPTION.format(
        file=out.name,
        sha256=hashlib.sha256(model).hexdigest(),
        width=WIDTH,
        height=HEIGHT,
        films=arguments.films,
        epochs=sum(epochs for epochs, _ in ROUNDS),
        labels="\n".join(f'{number} = "{label}"' for number, label in enumerate(LABELS)),
    )
    out.with_suffix(".toml").write_text(description, encoding="utf-8")
    say(f"{out}: {len(model)} bytes")


if __name__ == "__main__":
    main()
