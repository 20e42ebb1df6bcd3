"""A banana in PyTorch: normal x0, and x1 normal around a parabola. The gradient comes from autograd."""

import torch

import infer_plugin as infer

torch.set_num_threads(1)  # points are few floats each: threads cost more than they bring


@infer.density(dim=2, gradient=True, config={"bend": 0.5, "scale": 2.0})
def banana(x, bend, scale):
    points = torch.from_numpy(x).requires_grad_()
    a, b = points[:, 0], points[:, 1]
    logp = -0.5 * (a / scale) ** 2 - 0.5 * (b - bend * (a**2 - scale**2)) ** 2
    (gradient,) = torch.autograd.grad(logp.sum(), points)
    return logp, gradient


infer.serve(name="torch-banana", version="1.0.0")
