"""Memory that large tensors leave behind stays with the process.

The C library of Linux (glibc) returns each freed block above a few MB to the kernel. The next block
comes in empty pages that must be mapped and cleared one by one. A network's activations are such
blocks: DenseNet121 on 32 images of 224 px spent as long on that as on its arithmetic
(`benchmarks/cams.py`). No result depends on it.
"""

import ctypes
import os

# Parameters of mallopt(3), as glibc's malloc.h numbers them, with what they are set to.
M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD = -4, -1, -2
OPTIONS = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 64 * 2**20}


def keep_freed() -> bool:
    """Have the process keep what it frees, for its next blocks of that size.

    Returns:
        Whether the C library took it: False for others than glibc, where nothing is changed.
    """
    if os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in OPTIONS.items())
