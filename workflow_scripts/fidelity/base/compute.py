"""Device, threads and number format of a job: the config decides, not what the cluster grants."""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from fidelity.base import counting, memory
from fidelity.base.errors import InputError

log = logging.getLogger(__name__)


def configure(compute: dict[str, Any]) -> torch.device:
    """Set torch's threads and determinism, choose the device, and start counting passes.

    The process also keeps the memory that it frees (`fidelity.base.memory`).

    Args:
        compute: `threads` (int) and `device` (`auto`, `cpu`, `cuda`, `cuda:1`, …).

    Returns:
        The device. `auto` is the first CUDA device if there is one, otherwise the CPU.

    Raises:
        InputError: the device is unknown or absent.
    """
    counting.install()
    memory.keep_freed()
    # cuBLAS is deterministic only if this is set before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(int(compute.get("threads", 2)))
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Deterministic mode would also fill every new tensor. That helps to find bugs, but costs time
    # and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    name = str(compute.get("device", "auto"))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(
            f"unknown device {name!r}", field="compute.device", remedy="Use auto, cpu or cuda"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {name!r} does not exist on this machine",
            field="compute.device",
            remedy="Use device: auto or cpu",
        )
    return device


def has_native_bfloat16(device: torch.device) -> bool:
    """Check for bfloat16 in hardware; emulated bfloat16 is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("bf16"))
    return False


def autocast(device: torch.device, dtype: str = "auto") -> AbstractContextManager:
    """Return the context of a network: torch's autocast to bfloat16, or one that does nothing.

    Args:
        device: as `configure` returns it.
        dtype: `float32`, `bfloat16`, or `auto` (bfloat16 where the device computes it natively).

    Raises:
        InputError: the dtype is unknown.
    """
    if dtype not in ("auto", "float32", "bfloat16"):
        raise InputError(
            f"unknown dtype {dtype!r}",
            field="compute.dtype",
            remedy="Use auto, float32 or bfloat16",
        )
    if dtype == "auto" and has_native_bfloat16(device):
        dtype = "bfloat16"
    if dtype == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
