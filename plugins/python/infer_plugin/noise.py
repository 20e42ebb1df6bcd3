"""Random numbers for simulators that depend on the host's seed and on the number of the row alone.

Row i of a batch is particle first + i of the host. Its numbers are the same whatever batch it comes in, so a plug-in
that died can be started again and asked again, and a row alone equals the row in a batch.
"""

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def _philox(counter, key):
    """Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011): counter is four arrays of
    words below 2^32 held in uint64, key two such numbers. Returns four such arrays."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = ((product1 >> _HALF) ^ c1 ^ np.uint64(k0), product1 & _LOW,
                          (product0 >> _HALF) ^ c3 ^ np.uint64(k1), product0 & _LOW)
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


class Noise:
    """The random numbers of the rows of one call. Each call of a method gives new ones."""

    def __init__(self, seed, first, rows):
        self.seed, self.first, self.rows = seed, first, rows
        self._block = 0

    def _words(self, columns):
        """uint64 words of 32 bits each, shape (rows, columns), columns a multiple of 4."""
        blocks = columns // 4
        row = np.arange(self.rows, dtype=np.uint64)[:, None] + np.uint64(self.first)  # wraps as 64 bits do
        block = np.arange(self._block, self._block + blocks, dtype=np.uint64)[None, :]
        self._block += blocks
        shape = (self.rows, blocks)
        counter = [np.broadcast_to(c, shape) for c in (block & _LOW, block >> _HALF, row & _LOW, row >> _HALF)]
        words = _philox(counter, (self.seed & 0xFFFFFFFF, self.seed >> 32))
        return np.stack(words, axis=-1).reshape(self.rows, columns)

    def uniform(self, columns):
        """Numbers in (0, 1), shape (rows, columns)."""
        words = self._words((2 * columns + 3) // 4 * 4)
        bits = (words[:, 0::2] << np.uint64(21)) ^ (words[:, 1::2] >> np.uint64(11))  # 53 bits
        return ((bits >> np.uint64(1)).astype(np.float64)[:, :columns] + 0.5) * 2.0**-52

    def normal(self, columns):
        """Normal numbers, shape (rows, columns): Box and Muller's transform of uniform numbers."""
        half = (columns + 1) // 2
        u = self.uniform(2 * half)
        radius, angle = np.sqrt(-2 * np.log(u[:, :half])), 2 * np.pi * u[:, half:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :columns]

    def generator(self, row):
        """A numpy.random.Generator of one row, for simulators that loop over their rows. Every call for a row, of one
        Noise, gives the same one."""
        bits = np.random.Philox(key=np.array([self.seed, (self.first + row) & (2**64 - 1)], dtype=np.uint64))
        return np.random.Generator(bits)
