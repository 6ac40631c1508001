"""Seeds that depend on what is computed, never on the order it is computed in."""

import hashlib


def seed_for(*parts: str | int) -> int:
    """Derive a seed from (config seed, case id, method, repeat) or the like.

    Returns:
        An integer in [0, 2**31), the same on every machine and Python version. (scikit-image's
        quickshift takes no larger one.)
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
