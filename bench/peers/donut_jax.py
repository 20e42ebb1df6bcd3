"""Langevin on the donut in JAX: 10,000 particles, 1,000 steps, step size 1e-2, last position kept."""

import time

import common
from common import DONUT_RADIUS, DONUT_WIDTH, EPSILON, PARTICLES, STEPS

VARIANTS = {
    "loop": "the tutorial's loop of jitted steps, particles [n, 2], vmap(grad)",
    "scan": "the same step, all steps in one jit with lax.scan",
    "scan-t": "one jit, layout [2, n], gradient of the summed log-density",
    "scan-t-rbg": "as scan-t with the rbg generator",
    "scan-t-unsafe_rbg": "as scan-t with the unsafe_rbg generator",
    "scan-t-nopart": "as scan-t with jax_threefry_partitionable off (half the hashing)",
    "scan-t-nopart-chunk": "as scan-t-nopart, the noise of 10 steps drawn at once",
    "block-t-nopart": "as scan-t-nopart, but blocks of 1,000 particles run all their steps one after another",
    "shard-t": "two host devices, half the particles each (shard_map), layout [2, n]",
    "shard-t-rbg": "as shard-t with rbg",
    "shard-t-unsafe_rbg": "as shard-t with unsafe_rbg",
    "shard-t-nopart": "as shard-t with jax_threefry_partitionable off",
    "shard-t-nopart-chunk": "as shard-t-nopart, the noise of 10 steps drawn at once",
    "autoshard-t": "two host devices, jit with a sharded state, the compiler splits the program",
}
DEVICES = {name: 2 for name in VARIANTS if "shard" in name}
BLOCK, CHUNK = 1_000, 10


def main():
    args = common.parse(__doc__, VARIANTS, devices=DEVICES)
    words = args.variant.split("-")
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    jax.config.update("jax_enable_x64", args.dtype == "float64")
    jax.config.update("jax_threefry_partitionable", "nopart" not in words)
    dtype = jnp.dtype(args.dtype)
    scale = jnp.sqrt(jnp.asarray(2 * EPSILON, dtype))
    generator = words[-1] if words[-1].endswith("rbg") else "threefry2x32"
    chunk = CHUNK if "chunk" in words else 1

    def log_density(x):
        return -((jnp.linalg.norm(x, axis=-1) - DONUT_RADIUS) ** 2) / DONUT_WIDTH

    def log_density_sum(x):  # x is [2, n]
        r = jnp.sqrt(x[0] * x[0] + x[1] * x[1])
        return jnp.sum(-((r - DONUT_RADIUS) ** 2) / DONUT_WIDTH)

    score_rows = jax.vmap(jax.grad(log_density))
    score_columns = jax.grad(log_density_sum)

    def step(score, x, key):
        key, subkey = jax.random.split(key)
        if chunk == 1:
            return x + EPSILON * score(x) + scale * jax.random.normal(subkey, x.shape, dtype), key
        noise = jax.random.normal(subkey, (chunk, *x.shape), dtype)
        for i in range(chunk):
            x = x + EPSILON * score(x) + scale * noise[i]
        return x, key

    def chain(score, key, shape):
        key, subkey = jax.random.split(key)
        x = jax.random.normal(subkey, shape, dtype)
        (x, _), _ = jax.lax.scan(lambda c, _: (step(score, *c), None), (x, key), length=STEPS // chunk)
        return x

    if words[0] == "loop":
        jitted = jax.jit(lambda x, key: step(score_rows, x, key))

        def run(key):
            key, subkey = jax.random.split(key)
            x = jax.random.normal(subkey, (PARTICLES, 2), dtype)
            for _ in range(STEPS):
                x, key = jitted(x, key)
            return x

        start = time.perf_counter()
        jax.block_until_ready(jitted(jnp.ones((PARTICLES, 2), dtype), jax.random.key(0)))
        compile_seconds = time.perf_counter() - start
    else:
        if args.variant == "scan":
            def program(key):
                return chain(score_rows, key, (PARTICLES, 2))
        elif words[0] == "scan":
            def program(key):
                return chain(score_columns, key, (2, PARTICLES)).T
        elif words[0] == "block":
            def program(key):
                keys = jax.random.split(key, PARTICLES // BLOCK)
                return jax.lax.map(lambda k: chain(score_columns, k, (2, BLOCK)).T, keys).reshape(PARTICLES, 2)
        elif words[0] == "shard":
            mesh = Mesh(jax.devices(), ("device",))

            def part(keys):
                return chain(score_columns, keys[0], (2, PARTICLES // 2))

            def program(key):
                keys = jax.random.split(key, 2)
                return jax.shard_map(
                    part, mesh=mesh, in_specs=P("device"), out_specs=P(None, "device"), check_vma=False
                )(keys).T
        else:
            split = NamedSharding(Mesh(jax.devices(), ("device",)), P(None, "device"))

            def program(key):
                key, subkey = jax.random.split(key)
                x = jax.lax.with_sharding_constraint(jax.random.normal(subkey, (2, PARTICLES), dtype), split)

                def body(c, _):
                    x, key = step(score_columns, *c)
                    return (jax.lax.with_sharding_constraint(x, split), key), None

                (x, _), _ = jax.lax.scan(body, (x, key), length=STEPS)
                return x.T

        start = time.perf_counter()
        run = jax.jit(program).lower(jax.random.key(0, impl=generator)).compile()
        compile_seconds = time.perf_counter() - start

    jax.block_until_ready(run(jax.random.key(999, impl=generator)))  # warm-up
    for repeat in range(args.repeats):
        key = jax.block_until_ready(jax.random.key(repeat, impl=generator))
        x, seconds = common.timed(lambda: jax.block_until_ready(run(key)))
        common.emit(args, "jax", jax.__version__, seconds, compile_seconds, common.radial_variance(x))


if __name__ == "__main__":
    main()
