"""Write a plug-in of infer in Python: a batched function, a decorator, and serve().

    import numpy as np
    import infer_plugin as infer

    @infer.density(dim=2, gradient=True)
    def donut(x):                                  # x has shape (n, 2)
        r = np.hypot(x[:, 0], x[:, 1])
        logp = -((r - 2.6) ** 2) / 0.033           # shape (n,)
        grad = x * (-2 / 0.033 * (r - 2.6) / np.maximum(r, 1e-300))[:, None]
        return logp, grad                          # grad has shape (n, 2)

    infer.serve()

numpy is all it needs; jax and torch arrays may be returned as they are. `python -m infer_plugin.test FILE` tests a
plug-in without infer, `infer plugin test --plugin-dev FOLDER` with it. What is printed goes to the plug-in's log.

The protocol is infer.plugin.v1 over frames (plugins/protocol/frames.md). The modules: models (the decorators and what
they check), noise (random numbers for simulators), frames (bytes on the socket), server (the loop), test.
"""

from . import server as _server

_server.quiet()  # before anything is printed by an import below

from .models import density, score, simulator  # noqa: E402
from .server import serve  # noqa: E402
from .version import VERSION as __version__  # noqa: E402, F401

__all__ = ["density", "score", "simulator", "serve"]
