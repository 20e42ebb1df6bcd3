"""Shared parts of the peer programs: arguments, threads, timing, data, the check figure and the output line.

Import this module, and call `parse`, before numpy, jax or torch: thread counts and CPU affinity are read by those
libraries when they are imported.
"""

import argparse
import gzip
import json
import os
import struct
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

# The donut's constants, and those of a sampling run.
DONUT_RADIUS, DONUT_WIDTH = 2.6, 0.033
PARTICLES, STEPS, EPSILON = 10_000, 1_000, 1e-2
# Those of the small network.
MLP_WIDTHS = (2, 32, 32, 32, 2)
MLP_SIGMA, MLP_BATCH, MLP_STEPS, LEARNING_RATE = 0.1, 100, 10_000, 1e-3
# Those of the U-Net.
LEVELS = [0.63096**i for i in range(10)]
IMAGES_PER_LEVEL, ETA, STEPS_PER_LEVEL = 12, 2e-5, 100
UNET_PARAMETERS = 129_697


# XLA compiles for 256-bit vectors unless told otherwise, also where 512-bit ones are twice as fast.
XLA_TUNING = {
    "none": "",
    "w512": "--xla_cpu_prefer_vector_width=512",
    "w512-fast": "--xla_cpu_prefer_vector_width=512 --xla_cpu_enable_fast_math=true",
}


def parse(description, variants, dtypes=("float32", "float64"), repeats=5, devices=None, workloads=None):
    """Reads the arguments, then fixes the affinity, thread counts and device count of this process.

    `variants` maps a variant's name to a line of explanation. `devices` maps a variant's name to the number of XLA host
    devices it wants; one device where it says nothing.
    """
    lines = "\n".join(f"  {name:24s} {line}" for name, line in variants.items())
    p = argparse.ArgumentParser(
        description=description, epilog="variants:\n" + lines, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--variant", choices=list(variants), default=next(iter(variants)))
    if workloads:
        p.add_argument("--workload", choices=workloads, default=workloads[0])
    p.add_argument("--dtype", choices=dtypes, default=dtypes[0])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--repeats", type=int, default=repeats)
    p.add_argument("--wait-policy", choices=("passive", "default"), default="passive", help="OpenMP waiting (torch only)")
    p.add_argument("--tune", choices=list(XLA_TUNING), default="none", help="extra XLA flags (jax only)")
    args = p.parse_args()
    args.devices = (devices or {}).get(args.variant, 1)
    args.label = args.variant + ("+" + args.tune if args.tune != "none" else "")
    args.label += "+spin" if args.wait_policy == "default" else ""

    cpus = sorted(os.sched_getaffinity(0))
    cores = max(args.threads, args.devices)
    if cores > len(cpus):
        p.error(f"{cores} threads wanted, {len(cpus)} CPUs allowed")
    # The highest-numbered CPUs: CPU 0 serves more interrupts. XLA sizes its thread pool by the affinity mask.
    os.sched_setaffinity(0, set(cpus[-cores:]))
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(args.threads)
    if args.wait_policy == "passive":
        os.environ["OMP_WAIT_POLICY"] = "passive"
    flags = [os.environ.get("XLA_FLAGS", ""), XLA_TUNING[args.tune]]
    if args.devices > 1:
        flags.append(f"--xla_force_host_platform_device_count={args.devices}")
    os.environ["XLA_FLAGS"] = " ".join(flag for flag in flags if flag)
    return args


def emit(args, workload, peer, version, seconds, compile_seconds, check):
    """Prints one measurement as a JSON line."""
    line = {
        "workload": workload, "peer": peer, "version": version, "variant": args.label, "dtype": args.dtype,
        "threads": args.threads, "devices": args.devices, "seconds": round(seconds, 7),
        "compile_seconds": round(compile_seconds, 4), "check": check,
    }
    print(json.dumps(line), flush=True)


def timed(f, *arguments):
    """Calls f and returns its result and the wall-clock seconds it took. f must wait for its own result."""
    start = time.perf_counter()
    result = f(*arguments)
    return result, time.perf_counter() - start


def radial_variance(points):
    """Var[r] of points of shape [n, 2]. Exact for Langevin at step 1e-2: 0.0236259, standard error 0.00033."""
    import numpy as np

    return float(np.var(np.linalg.norm(np.asarray(points, np.float64), axis=1)))


def donut_data(n=PARTICLES, steps=STEPS, seed=0):
    """The training data of the small network: n donut points by the tutorial's Langevin run, in NumPy, float32 [n, 2]."""
    import numpy as np

    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n))
    for _ in range(steps):
        r = np.sqrt(x * x + y * y)
        drift = 1 - EPSILON * 2 * (r - DONUT_RADIUS) / (DONUT_WIDTH * r)
        noise = np.sqrt(2 * EPSILON) * rng.standard_normal((2, n))
        x = x * drift + noise[0]
        y = y * drift + noise[1]
    return np.stack([x, y], 1).astype(np.float32)


def mlp_initial(seed=1):
    """Initial weights of the small network: truncated normal with sd 1/sqrt(inputs), zero bias. A list of (W[in, out], b)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return [
        (truncated_normal(rng, (i, o)) / np.float32(np.sqrt(i)), np.zeros(o, np.float32))
        for i, o in zip(MLP_WIDTHS[:-1], MLP_WIDTHS[1:])
    ]


def truncated_normal(rng, shape):
    """Standard normals redrawn until they lie in [-2, 2], as float32."""
    import numpy as np

    z = rng.standard_normal(shape)
    while (bad := np.abs(z) > 2).any():
        z[bad] = rng.standard_normal(int(bad.sum()))
    return z.astype(np.float32)


# The U-Net's layers in order: name, input channels, output channels, kernel size.
UNET_LAYERS = [
    ("conv1a", 2, 16, 3), ("conv1b", 16, 16, 3), ("conv2a", 16, 32, 3), ("conv2b", 32, 32, 3), ("conv3a", 32, 64, 3),
    ("conv3b", 64, 64, 3), ("up2", 64, 32, 3), ("conv4a", 64, 32, 3), ("conv4b", 32, 32, 3), ("up1", 32, 16, 3),
    ("conv5a", 32, 16, 3), ("conv5b", 16, 16, 3), ("out", 16, 1, 1),
]


def unet_weights(trained=True, seed=2):
    """The U-Net's weights, a dict name -> (kernel [kh, kw, in, out], bias [out]).

    `trained` reads unet_weights.npz, a short training run, beside this file; otherwise the tutorial's initial law.
    """
    import numpy as np

    if trained:
        with np.load(HERE / "unet_weights.npz") as z:
            weights = {name: (z[name + ".w"], z[name + ".b"]) for name, *_ in UNET_LAYERS}
    else:
        rng = np.random.default_rng(seed)
        weights = {
            name: (truncated_normal(rng, (k, k, i, o)) / np.float32(np.sqrt(k * k * i)), np.zeros(o, np.float32))
            for name, i, o, k in UNET_LAYERS
        }
    assert sum(w.size + b.size for w, b in weights.values()) == UNET_PARAMETERS
    return weights


def mnist_train():
    """The training digits of the folder that the variable DIGITS names, float32 [n, 784] in [0, 1]."""
    import numpy as np

    with gzip.open(Path(os.environ["DIGITS"]) / "train-images-idx3-ubyte.gz") as f:
        magic, n, h, w = struct.unpack(">4i", f.read(16))
        assert magic == 2051 and h == w == 28
        return np.frombuffer(f.read(), np.uint8).reshape(n, h * w).astype(np.float32) / 255


def unet_forward_input(batch, seed=3):
    """A fixed input of the forward pass: images [batch, 784] and levels [batch, 1], the same for every peer."""
    import numpy as np

    rng = np.random.default_rng(seed)
    sigma = np.resize(np.array(LEVELS, np.float32), batch)[:, None]
    x = mnist_train()[:batch] + sigma * rng.standard_normal((batch, 784)).astype(np.float32)
    return x.astype(np.float32), sigma
