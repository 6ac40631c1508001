"""Seeds that depend on what is computed, but never on the order of computation."""

import hashlib


def seed_for(*parts: str | int) -> int:
    """Derive a seed from values such as (config seed, case id, method, repeat).

    Returns:
        An integer in [0, 2**31), the same on every machine and Python version. The limit is that of
        scikit-image's quickshift.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
