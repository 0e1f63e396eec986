"""What comes out of a network, as findings: two heads, pure numpy.

- **YOLOX** (Ge et al., 2021, without the decoding layer): one row per cell of three grids (strides 8, 16, 32): dx, dy,
  log w, log h, objectness, one score per class; the sigmoids are already applied. Centre = (dx + column) * stride,
  size = exp(log) * stride, score = objectness * class. Suppression is ours.
- **SSD with TFLite_Detection_PostProcess**: boxes (top, left, bottom, right in fractions of the input), classes,
  scores, count; suppression is done.

Boxes are in fractions of the network's input. Only the classes that `labels` names come through.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from appliance.detection.shapes import Box, Detection, Kind, distinct

STRIDES: Final = (8, 16, 32)
"""Pixels of the input per cell of YOLOX's three grids."""

SAME_OBJECT: Final = 0.5
"""Overlap over which two findings are one object: what the networks here were trained and scored with."""

MOST: Final = 200
"""Findings of a network that are looked at, surest first: a crowd has fewer, nonsense has thousands."""

LARGEST_LOG: Final = 8.0
"""exp(8) strides is far over any input: a damaged file gives large boxes, not an overflow."""

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=8)
def _cells(width: int, height: int) -> Floats:
    """Column, row, stride of each row of a YOLOX output, (n, 3)."""
    grids = []
    for stride in STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        grids.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    made: Floats = np.concatenate(grids).astype(np.float32)
    return made


def yolox(output: Floats, width: int, height: int, labels: Mapping[int, Kind], least: float) -> list[Detection]:
    """Findings of (n, 5 + classes) real numbers for an input of `width` x `height` pixels, score >= `least`."""
    cells = _cells(width, height)
    classes = sorted(labels)
    sure = np.flatnonzero(output[:, 4] >= least)  # a class score is 1 at the most
    sure = sure[np.argsort(-output[sure, 4])][:MOST]
    if output.shape[0] != cells.shape[0] or not sure.size:
        return []
    rows, at = output[sure], cells[sure]
    scores = rows[:, [5 + index for index in classes]] * rows[:, 4:5]
    best = scores.argmax(axis=1)
    found = []
    for row, cell, index, score in zip(rows, at, best, scores.max(axis=1), strict=True):
        if score < least:
            continue
        x, y = (row[0] + cell[0]) * cell[2], (row[1] + cell[1]) * cell[2]
        w, h = (np.exp(np.minimum(row[2:4], LARGEST_LOG)) * cell[2]).tolist()
        box = Box(
            float(x - w / 2) / width, float(y - h / 2) / height, float(x + w / 2) / width, float(y + h / 2) / height
        )
        found.append(Detection(box.cut(), labels[classes[int(index)]], min(1.0, float(score))))
    return distinct(found, SAME_OBJECT)


def ssd(outputs: Sequence[Floats], labels: Mapping[int, Kind], least: float) -> list[Detection]:
    """Findings of boxes (n, 4), classes (n,), scores (n,) and count, score >= `least`."""
    boxes, classes, scores, count = outputs
    found = []
    for index in range(min(int(count.ravel()[0]), len(scores))):
        kind = labels.get(round(float(classes[index])))
        if kind is not None and scores[index] >= least:
            top, left, bottom, right = (float(value) for value in boxes[index])
            found.append(Detection(Box(left, top, right, bottom).cut(), kind, min(1.0, float(scores[index]))))
    return found
