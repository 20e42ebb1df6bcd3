"""Writes mlp.json: the denoising loss of a multilayer perceptron and its gradients, by PyTorch in float64, for each activation.

The network is 3-12-9-3. Weight i of all, in the order weight [in, out], bias, weight, ..., is ((37 i + 11) mod 101 - 50) / 120; coordinate
k of all points is ((29 k + 7) mod 61 - 30) / 20, of all normal numbers ((23 k + 3) mod 53 - 26) / 15. The loss of a row is the mean over
the coordinates of (s(x + sigma z) + z/sigma)^2, sigma = 0.5; gradients are those of the sum over the rows.
"""

import json

import torch

F = torch.nn.functional
ACTIVATIONS = {
    "relu": F.relu, "elu": F.elu, "silu": F.silu, "gelu": F.gelu, "softplus": F.softplus, "tanh": torch.tanh,
}
WIDTHS, ROWS, SIGMA = (3, 12, 9, 3), 7, 0.5
torch.set_default_dtype(torch.float64)


def cycle(count, factor, offset, modulus, scale):
    k = torch.arange(count)
    # through float32, as the other side has them
    return ((((factor * k + offset) % modulus) - modulus // 2) / scale).float().double()


results = {}
for name, activation in ACTIVATIONS.items():
    params, at = [], 0
    flat = cycle(sum(i * o + o for i, o in zip(WIDTHS, WIDTHS[1:])), 37, 11, 101, 120)
    for i, o in zip(WIDTHS, WIDTHS[1:]):
        for shape in ((i, o), (o,)):
            size = shape[0] * (shape[1] if len(shape) > 1 else 1)
            params.append(flat[at : at + size].reshape(shape).clone().requires_grad_())
            at += size
    x = cycle(ROWS * 3, 29, 7, 61, 20).reshape(ROWS, 3)
    z = cycle(ROWS * 3, 23, 3, 53, 15).reshape(ROWS, 3)
    h = x + SIGMA * z
    for k in range(0, len(params), 2):
        h = h @ params[k] + params[k + 1]
        if k + 2 < len(params):
            h = activation(h)
    loss = ((h + z / SIGMA) ** 2).mean(1)
    loss.sum().backward()
    results[name] = {
        "score": [float(f"{v:.9g}") for v in h.detach().flatten()],
        "loss": [float(f"{v:.9g}") for v in loss.detach()],
        "gradient": [float(f"{v:.9g}") for p in params for v in p.grad.flatten()],
    }
with open("mlp.json", "w") as f:
    json.dump(results, f, separators=(",", ":"))
    f.write("\n")
