"""Langevin on the donut in PyTorch: 10,000 particles, 1,000 steps, step size 1e-2, last position kept."""

import time

import common
from common import DONUT_RADIUS, DONUT_WIDTH, EPSILON, PARTICLES, STEPS

VARIANTS = {
    "autograd": "eager, particles [n, 2], gradient by autograd",
    "autograd-t": "eager, layout [2, n], gradient by autograd",
    "analytic": "eager, particles [n, 2], gradient by formula",
    "analytic-t": "eager, layout [2, n], gradient by formula, buffers reused",
    "compile": "torch.compile of one step, [2, n], gradient by torch.func, noise in the generated code",
    "compile-aten": "as compile, noise from torch.randn outside the compiled function",
    "compile-aten-analytic": "as compile-aten, gradient by formula",
    "compile-aten-chunk": "as compile-aten, 10 steps in one compiled call, their noise drawn at once",
}
CHUNK = 10


def main():
    args = common.parse(__doc__, VARIANTS)
    words = args.variant.split("-")
    import torch

    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    rows = args.variant in ("autograd", "analytic")
    shape = (PARTICLES, 2) if rows else (2, PARTICLES)
    scale = (2 * EPSILON) ** 0.5
    chunk = CHUNK if "chunk" in words else 1

    def log_density_sum(x):
        r = torch.linalg.vector_norm(x, dim=1) if rows else torch.sqrt(x[0] * x[0] + x[1] * x[1])
        return (-((r - DONUT_RADIUS) ** 2) / DONUT_WIDTH).sum()

    def analytic(x):
        r = torch.linalg.vector_norm(x, dim=1, keepdim=True) if rows else torch.sqrt(x[0] * x[0] + x[1] * x[1])
        return x * ((DONUT_RADIUS / r - 1) * (2 / DONUT_WIDTH))

    def autograd(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(log_density_sum(x), x)[0]

    if words[0] in ("autograd", "analytic"):
        score = autograd if words[0] == "autograd" else analytic
        noise = torch.empty(shape, dtype=dtype)

        def step(x):
            if args.variant == "analytic-t":
                noise.normal_()
                return x.add_(score(x), alpha=EPSILON).add_(noise, alpha=scale)
            return x + EPSILON * score(x) + scale * torch.randn(shape, dtype=dtype)
    else:
        score = analytic if "analytic" in words else torch.func.grad(log_density_sum)
        if "aten" in words:
            @torch.compile(fullgraph=True)
            def moves(x, noise):
                for i in range(chunk):
                    x = x + EPSILON * score(x) + scale * noise[i]
                return x

            def step(x):
                return moves(x, torch.randn((chunk, *shape), dtype=dtype))
        else:
            @torch.compile(fullgraph=True)
            def step(x):
                return x + EPSILON * score(x) + scale * torch.randn(shape, dtype=dtype)

    def run():
        x = torch.randn(shape, dtype=dtype)
        for _ in range(STEPS // chunk):
            x = step(x)
        return x

    compile_seconds = 0.0
    with torch.inference_mode(words[0] == "analytic"):
        if words[0] == "compile":
            start = time.perf_counter()
            step(torch.randn(shape, dtype=dtype))
            compile_seconds = time.perf_counter() - start
        torch.manual_seed(999)
        run()  # warm-up
        for repeat in range(args.repeats):
            torch.manual_seed(repeat)
            x, seconds = common.timed(run)
            x = x if rows else x.T
            common.emit(args, "torch", torch.__version__, seconds, compile_seconds, common.radial_variance(x))


if __name__ == "__main__":
    main()
