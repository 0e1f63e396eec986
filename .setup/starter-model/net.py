"""The starter model's net and what it is taught: one anchor a cell of 8 x 8 pixels, two labels, box encodings.

The head is that of the COCO SSD files (TFLite_Detection_PostProcess), so that the demonstration runs the decoder that
real models run: of each cell two scores and (dy, dx, log height, log width) in units of the cell, from its middle.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from tests.peers.drawn import HIDDEN, Seen

WIDTH, HEIGHT = 256, 160
"""The input: a whole 640x360 picture at 0.4 of its size, or a square of 160 pixels."""

CELL = 8
COLUMNS, ROWS = WIDTH // CELL, HEIGHT // CELL

LABELS = ("person", "vehicle")

MOST = 10
"""Boxes that the model tells at most, as in the COCO SSD files."""

LEAST_SCORE, SAME = 0.2, 0.5
"""Score below which a box is not told; overlap (IoU) above which two boxes are one."""

SHIFT = 0.33
"""Taken off the logit of each score: what was 0.48, where misses and mistakes are equally few, becomes the detector's
0.4."""

Array = npt.NDArray[np.float32]


def build() -> tf.keras.Model:
    """uint8 or float pixels 0-255, RGB (N, HEIGHT, WIDTH, 3) -> scores (N, cells, 2), encodings (N, cells, 4)."""
    layers = tf.keras.layers

    def convolve(x: tf.Tensor, channels: int, size: int = 3, stride: int = 1, act: bool = True) -> tf.Tensor:
        x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.97)(x)
        return layers.ReLU()(x) if act else x

    def block(x: tf.Tensor, inner: int) -> tf.Tensor:
        y = convolve(convolve(x, inner), x.shape[-1], act=False)
        return layers.ReLU()(layers.Add()([x, y]))

    picture = layers.Input((HEIGHT, WIDTH, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(picture)
    x = convolve(x, 24, 6, 4)
    near = block(convolve(x, 40, 3, 2), 32)
    far = block(convolve(near, 56, 3, 2), 40)  # half the size again: sees all of somebody close by
    x = layers.Add()([near, layers.UpSampling2D()(convolve(far, 40, 1, act=False))])
    x = block(layers.ReLU()(x), 32)
    x = convolve(x, 40)
    rare = tf.keras.initializers.Constant(-2.2)  # nearly all cells are empty: begin by saying so
    scores = layers.Conv2D(2, 1, activation="sigmoid", bias_initializer=rare, name="scores")(x)
    large = tf.keras.initializers.Constant(1.0)
    encodings = layers.Conv2D(4, 1, bias_initializer=large, name="encodings")(x)
    cells = ROWS * COLUMNS
    return tf.keras.Model(picture, [layers.Reshape((cells, 2))(scores), layers.Reshape((cells, 4))(encodings)])


def targets(seen: tuple[Seen, ...]) -> tuple[Array, Array, Array]:
    """What the net should say: heat (cells, 2), weight of each cell (cells, 2), box (cells, 5).

    Heat is 1 in the cells at somebody's middle, in two where it lies between two, and falls off round them. A box is
    (top, left, bottom, right) in cells and the cell's heat; nothing is asked where hardly anything of one shows.
    """
    heat = np.zeros((ROWS, COLUMNS, 2), np.float32)
    weight = np.ones((ROWS, COLUMNS, 2), np.float32)
    told = np.zeros((ROWS, COLUMNS, 5), np.float32)
    grid_y, grid_x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32) + 0.5
    for one in seen:
        left, right = one.box[0] * COLUMNS, one.box[2] * COLUMNS
        top, bottom = one.box[1] * ROWS, one.box[3] * ROWS
        if one.shows < HIDDEN:
            inside = (grid_y > top - 1) & (grid_y < bottom + 1) & (grid_x > left - 1) & (grid_x < right + 1)
            weight[inside] = 0
            continue
        middle_y, middle_x = (top + bottom) / 2, (left + right) / 2
        core_y, core_x = (max(0.6, 0.1 * span) for span in (bottom - top, right - left))
        far_y = np.maximum(0.0, np.abs(grid_y - middle_y) - core_y) / max(0.4, 0.12 * (bottom - top))
        far_x = np.maximum(0.0, np.abs(grid_x - middle_x) - core_x) / max(0.4, 0.12 * (right - left))
        near = np.exp(-(far_y**2 + far_x**2) / 2)
        label = LABELS.index(one.label)
        heat[..., label] = np.maximum(heat[..., label], near)
        mine = near >= np.maximum(told[..., 4], 0.3)
        told[mine] = np.stack([np.broadcast_to(v, near.shape) for v in (top, left, bottom, right)] + [near], -1)[mine]
    return heat.reshape(-1, 2), weight.reshape(-1, 2), told.reshape(-1, 5)


_GRID = np.stack(np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32) + 0.5, -1).reshape(-1, 2)


def corners(encodings: tf.Tensor) -> tf.Tensor:
    """(N, cells, 4) encodings -> top, left, bottom, right in cells."""
    middle = encodings[..., :2] + _GRID
    half = tf.exp(tf.clip_by_value(encodings[..., 2:], -3.0, 4.0)) / 2
    return tf.concat([middle - half, middle + half], -1)


def loss(scores: tf.Tensor, encodings: tf.Tensor, heat: tf.Tensor, weight: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
    """Focal loss of CornerNet (Law and Deng 2018) on the heat, generalised IoU (Rezatofighi 2019) on the boxes."""
    p = tf.clip_by_value(scores, 1e-4, 1 - 1e-4)
    hit = tf.cast(heat > 0.99, tf.float32)
    found = hit * (1 - p) ** 2 * tf.math.log(p)
    quiet = (1 - hit) * (1 - heat) ** 4 * p**2 * tf.math.log(1 - p)
    count = tf.maximum(1.0, tf.reduce_sum(hit))
    focal = -tf.reduce_sum(weight * (found + quiet)) / count
    box, want, near = corners(encodings), told[..., :4], told[..., 4]
    lower, upper = tf.maximum(box[..., :2], want[..., :2]), tf.minimum(box[..., 2:], want[..., 2:])
    shared = tf.reduce_prod(tf.maximum(upper - lower, 0.0), -1)
    joined = (
        tf.reduce_prod(box[..., 2:] - box[..., :2], -1) + tf.reduce_prod(want[..., 2:] - want[..., :2], -1) - shared
    )
    hull = tf.reduce_prod(tf.maximum(box[..., 2:], want[..., 2:]) - tf.minimum(box[..., :2], want[..., :2]), -1)
    giou = shared / tf.maximum(joined, 1e-6) - (hull - joined) / tf.maximum(hull, 1e-6)
    boxes = tf.reduce_sum(near * (1 - giou)) / tf.maximum(1.0, tf.reduce_sum(near))
    return focal + 2.0 * boxes


_ATTRIBUTES = {
    "max_detections": f"i: {MOST}", "max_classes_per_detection": "i: 1", "num_classes": f"i: {len(LABELS)}",
    "nms_score_threshold": f"f: {LEAST_SCORE}", "nms_iou_threshold": f"f: {SAME}", "use_regular_nms": "b: false",
    "y_scale": "f: 1.0", "x_scale": "f: 1.0", "h_scale": "f: 1.0", "w_scale": "f: 1.0",
}  # fmt: skip


def converted(net: tf.keras.Model) -> bytes:
    """The net with the post-processing operator behind it, weights as float16, as a TFLite file."""
    head = net.get_layer("scores")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias - SHIFT])
    attributes = " ".join(f'attr {{ key: "{key}" value {{ {value} }} }}' for key, value in _ATTRIBUTES.items())
    middle = _GRID / (ROWS, COLUMNS)
    size = np.broadcast_to(np.array([1 / ROWS, 1 / COLUMNS], np.float32), middle.shape)
    anchors = tf.constant(np.concatenate([middle, size], -1).astype(np.float32))

    @tf.function(experimental_implements=f'name: "TFLite_Detection_PostProcess" {attributes}')
    def post_process(boxes: tf.Tensor, scores: tf.Tensor, anchors: tf.Tensor) -> tuple[tf.Tensor, ...]:
        del boxes, scores, anchors  # stands for the operator: four outputs of its shapes
        return tf.zeros((1, MOST, 4)), tf.zeros((1, MOST)), tf.zeros((1, MOST)), tf.zeros((1,))

    @tf.function(input_signature=[tf.TensorSpec((1, HEIGHT, WIDTH, 3), tf.float32, "picture")])
    def whole(picture: tf.Tensor) -> tuple[tf.Tensor, ...]:
        scores, encodings = net(picture, training=False)
        return post_process(encodings, tf.pad(scores, [[0, 0], [0, 0], [1, 0]]), anchors)  # column 0: background

    converter = tf.lite.TFLiteConverter.from_concrete_functions([whole.get_concrete_function()], net)
    converter.allow_custom_ops = True
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _named(converter.convert())


_OUTPUT = "TFLite_Detection_PostProcess"


def _named(model: bytes) -> bytes:
    """The file with its outputs named and ordered as in the COCO SSD files: boxes, labels, scores, count."""
    whole = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = whole.subgraphs[0]
    last = next(op for op in graph.operators if whole.operatorCodes[op.opcodeIndex].customCode == _OUTPUT.encode())
    graph.outputs = list(last.outputs)
    for number, tensor in enumerate(last.outputs):
        graph.tensors[tensor].name = f"{_OUTPUT}:{number}" if number else _OUTPUT
    whole.description = "demo: drawn figures and vehicles; EUPL-1.2; .setup/starter-model"
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))
