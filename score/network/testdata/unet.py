"""Writes unet.f32, the reference of TestTheTutorialsUNetAgreesWithJAX.

    python unet.py unet_weights.npz

needs JAX, and the weights of a short training as arrays name.w [kh, kw, in, out] and name.b [out]. All layers are computed in float64.
The file is little-endian float32: the weights, layer by layer, kernel and then bias; two inputs, each 784 pixels and a noise level; what
each layer gives for the first input, channels last; and what the network gives for the second. Inputs are strokes drawn below, blurred.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
NAMES = "conv1a conv1b conv2a conv2b conv3a conv3b up2 conv4a conv4b up1 conv5a conv5b out".split()
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def network(weights, x, sigma):
    layers = {}

    def conv(h, name, activation=jax.nn.elu):
        w, b = weights[name]
        h = jax.lax.conv_general_dilated(h, w, (1, 1), "SAME", dimension_numbers=DIMENSIONS) + b
        layers[name] = h = activation(h) if activation else h
        return h

    def transposed(h, name):
        w, b = weights[name]
        layers[name] = h = jax.lax.conv_transpose(h, w, (2, 2), "SAME", dimension_numbers=DIMENSIONS) + b
        return h

    def pool(h):
        return jax.lax.reduce_window(h, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4

    x = x.reshape(1, 28, 28, 1)
    one = conv(conv(jnp.concatenate([x, jnp.full_like(x, sigma)], 3), "conv1a"), "conv1b")
    two = conv(conv(pool(one), "conv2a"), "conv2b")
    h = conv(conv(pool(two), "conv3a"), "conv3b")
    h = jnp.concatenate([transposed(h, "up2"), two], 3)
    h = conv(conv(h, "conv4a"), "conv4b")
    h = jnp.concatenate([transposed(h, "up1"), one], 3)
    h = conv(conv(h, "conv5a"), "conv5b")
    conv(h, "out", None)
    return layers


def stroke(phase):
    """A curve of the brightness of a pen, in [0, 1]."""
    y, x = np.mgrid[0:28, 0:28]
    image = np.zeros((28, 28))
    for t in np.linspace(0, 1, 200):
        cy, cx = 6 + 16 * t, 14 + 7 * np.sin(5 * t + phase)
        image = np.maximum(image, np.clip(1.6 - np.hypot(y - cy, x - cx), 0, 1))
    return image.reshape(784)


def main():
    with np.load(sys.argv[1]) as z:
        weights = {name: (z[name + ".w"], z[name + ".b"]) for name in NAMES}
    exact = {name: (jnp.asarray(w, jnp.float64), jnp.asarray(b, jnp.float64)) for name, (w, b) in weights.items()}
    rng = np.random.default_rng(1)
    parts = [part for name in NAMES for part in weights[name]]
    inputs = []
    for phase, sigma in (0.0, 0.25), (2.0, 1.0):
        x = (stroke(phase) + sigma * rng.standard_normal(784)).astype(np.float32)
        inputs.append((x.astype(np.float64), sigma))
        parts += [x, np.array([sigma])]
    layers = network(exact, *inputs[0])
    parts += [layers[name] for name in NAMES]
    parts.append(network(exact, *inputs[1])["out"])
    np.concatenate([np.asarray(part, np.float64).ravel() for part in parts]).astype("<f4").tofile("unet.f32")


main()
