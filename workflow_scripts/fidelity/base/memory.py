"""Keep the memory of freed large tensors in the process.

The C library of Linux (glibc) returns each freed block above a few MB to the kernel. The next block
then consists of empty pages that must be mapped and cleared one by one. The activations of a
network are such blocks. For DenseNet121 on 32 images of 224 px, this took as long as the arithmetic
(`benchmarks/cams.py`). No result depends on it.
"""

import ctypes
import os

# Parameters of mallopt(3), numbered as in glibc's malloc.h, and their values.
M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD = -4, -1, -2
OPTIONS = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 64 * 2**20}


def keep_freed() -> bool:
    """Let the process keep freed memory for its next blocks of that size.

    Returns:
        Whether the C library accepted the setting. False for libraries other than glibc, where
        nothing is changed.
    """
    if os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in OPTIONS.items())
