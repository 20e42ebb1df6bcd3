"""The 2-32-32-32-2 score network in PyTorch: training by denoising score matching, and Langevin sampling with its score.

Training is 10,000 Adam steps at batch 100 (workload `mlp-train`, check: loss on 1e6 fresh noise draws, floor 85.19).
Sampling is 10,000 particles x 1,000 steps (workload `mlp-sample`, check: radial variance, about 0.0394).
"""

import time

import common
from common import EPSILON, LEARNING_RATE, MLP_BATCH, MLP_SIGMA, MLP_STEPS, PARTICLES, STEPS

VARIANTS = {
    "eager": "eager, torch.optim.Adam as it comes",
    "eager-fused": "eager, Adam(fused=True)",
    "compile": "loss and gradient compiled, Adam(fused=True)",
    "compile-all": "batch, gradient and a hand-written Adam on one flat vector in one compiled function",
    "compile-all-chunk": "as compile-all, ten steps in one compiled call",
    "sample": "sampling, eager, points [n, 2]",
    "sample-t": "sampling, eager, layout [2, n]",
    "sample-compile": "sampling, one compiled step, noise from torch.randn",
    "sample-compile-t": "as sample-compile, layout [2, n]",
    "sample-max": "as sample-compile, weights frozen, mode max-autotune: products in generated AVX-512 code, not in MKL",
    "sample-block": "sampling, eager, blocks of 500 particles run all their steps one after another",
}
BLOCK, CHUNK = 500, 10


def main():
    args = common.parse(__doc__, VARIANTS)
    words = args.variant.split("-")
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    data = torch.tensor(common.donut_data(), dtype=dtype)
    initial = [(torch.tensor(w, dtype=dtype), torch.tensor(b, dtype=dtype)) for w, b in common.mlp_initial()]

    def network(params, x):  # params are alternately W [out, in] and b
        for w, b in zip(params[:-2:2], params[1:-2:2]):
            x = F.relu(F.linear(x, w, b))
        return F.linear(x, params[-2], params[-1])

    def network_columns(params, x):  # x is [2, n]
        for w, b in zip(params[:-2:2], params[1:-2:2]):
            x = torch.relu_(torch.addmm(b[:, None], w, x))
        return torch.addmm(params[-1][:, None], params[-2], x)

    def loss(params, x, noised):
        return ((network(params, noised) + (noised - x) / MLP_SIGMA**2) ** 2).mean()

    def start_params():
        return [p for w, b in initial for p in (w.T.contiguous().requires_grad_(), b.clone().requires_grad_())]

    def sample_batch():
        x = data[torch.randint(len(data), (MLP_BATCH,))]
        return x, x + MLP_SIGMA * torch.randn_like(x)

    def fresh_loss(params):
        with torch.no_grad():
            return float(sum(loss(params, data, data + MLP_SIGMA * torch.randn_like(data)) for _ in range(100)) / 100)

    def report(workload, seconds, compile_seconds, check):
        common.emit(args, workload, "torch", torch.__version__, seconds, compile_seconds, check)

    compiled_loss = torch.compile(loss, fullgraph=True) if args.variant == "compile" else loss

    def train(steps=MLP_STEPS):
        params = start_params()
        adam = torch.optim.Adam(params, LEARNING_RATE, fused=True if args.variant != "eager" else None)
        for _ in range(steps):
            x, noised = sample_batch()
            adam.zero_grad()
            compiled_loss(params, x, noised).backward()
            adam.step()
        return params

    shapes = [p.shape for p in start_params()]

    def unflatten(v):
        return [p.view(s) for p, s in zip(v.split([s.numel() for s in shapes]), shapes)]

    chunk = CHUNK if "chunk" in words else 1
    gradient = torch.func.grad(lambda v, x, noised: loss(unflatten(v), x, noised))

    @torch.compile(fullgraph=True)
    def steps_in_one(v, m, s, t, index, noise):
        for i in range(chunk):
            t = t + 1
            x = data[index[i]]
            g = gradient(v, x, x + MLP_SIGMA * noise[i])
            m = 0.9 * m + 0.1 * g
            s = 0.999 * s + 0.001 * g * g
            step = LEARNING_RATE * torch.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            v = v - step * m / (torch.sqrt(s) + 1e-8 * torch.sqrt(1 - 0.999**t))
        return v, m, s, t

    def train_flat(steps=MLP_STEPS):
        v = torch.cat([p.detach().flatten() for p in start_params()])
        m, s, t = torch.zeros_like(v), torch.zeros_like(v), torch.zeros((), dtype=dtype)
        for _ in range(steps // chunk):
            index = torch.randint(len(data), (chunk, MLP_BATCH))
            v, m, s, t = steps_in_one(v, m, s, t, index, torch.randn(chunk, MLP_BATCH, 2, dtype=dtype))
        return unflatten(v)

    compile_seconds = 0.0
    if words[0] != "sample":
        run = train_flat if "all" in words else train
        if words[0] == "compile":
            start = time.perf_counter()
            run(chunk)
            compile_seconds = time.perf_counter() - start
        run(200)
        for repeat in range(args.repeats):
            torch.manual_seed(repeat)
            params, seconds = common.timed(run)
            report("mlp-train", seconds, compile_seconds, fresh_loss(params))
        return

    torch.manual_seed(1)
    torch.set_num_threads(1)  # the training before is not measured, and faster so
    params = [p.detach() for p in train()]
    torch.set_num_threads(args.threads)
    columns = words[-1] == "t"
    scale = (2 * EPSILON) ** 0.5

    def move(x, noise):
        return x + EPSILON * (network_columns if columns else network)(params, x) + scale * noise

    if "compile" in words:
        move = torch.compile(move, fullgraph=True)
    elif "max" in words:
        import torch._inductor.config as inductor

        inductor.freezing = True
        net = torch.nn.Sequential()
        for w, b in zip(params[::2], params[1::2]):
            layer = torch.nn.Linear(w.shape[1], w.shape[0], dtype=dtype)
            layer.weight.data, layer.bias.data = w, b
            net.extend([layer, torch.nn.ReLU()])
        net = net[:-1].eval()

        class Move(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, x, noise):
                return x + EPSILON * self.net(x) + scale * noise

        move = torch.compile(Move().eval(), fullgraph=True, mode="max-autotune")

    def chain(n):
        shape = (2, n) if columns else (n, 2)
        x = torch.randn(shape, dtype=dtype)
        for _ in range(STEPS):
            x = move(x, torch.randn(shape, dtype=dtype))
        return x.T if columns else x

    def sample():
        if "block" in words:
            return torch.cat([chain(BLOCK) for _ in range(PARTICLES // BLOCK)])
        return chain(PARTICLES)

    with torch.no_grad():
        if "compile" in words or "max" in words:
            start = time.perf_counter()
            shape = (2, PARTICLES) if columns else (PARTICLES, 2)
            move(torch.randn(shape, dtype=dtype), torch.randn(shape, dtype=dtype))
            compile_seconds = time.perf_counter() - start
        sample()
        for repeat in range(args.repeats):
            torch.manual_seed(repeat)
            x, seconds = common.timed(sample)
            report("mlp-sample", seconds, compile_seconds, common.radial_variance(x))


if __name__ == "__main__":
    main()
