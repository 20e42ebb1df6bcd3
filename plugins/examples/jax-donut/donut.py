"""The donut in JAX: one point's log p, its gradient by JAX, all of it vectorised and compiled."""

import jax
import jax.numpy as jnp

import infer_plugin as infer

jax.config.update("jax_enable_x64", True)


def logp(x, radius, width):
    r = jnp.sqrt(jnp.maximum(jnp.sum(x**2), 1e-300))  # at the centre the gradient is 0, and not NaN
    return -((r - radius) ** 2) / width


batched = jax.jit(jax.vmap(jax.value_and_grad(logp), in_axes=(0, None, None)))


# A jitted function is compiled for each shape it meets. With pad=True it meets one, once before the run.
@infer.density(dim=2, gradient=True, config={"radius": 2.6, "width": 0.033}, batch=10000, pad=True)
def donut(x, radius, width):
    return batched(x, radius, width)


infer.serve(name="jax-donut", version="1.0.0")
