"""Errors of the GPU, told apart: which a smaller picture may help, which another process."""

from __future__ import annotations

import sys

from livestyle.errors import GpuError, GpuLost, GpuMemory

# cudaGetErrorString and NVML, of a card that is gone or that the driver gave up
_GONE = (
    "no CUDA-capable device",
    "device(s) is/are busy or unavailable",
    "GPU is lost",
    "fallen off the bus",
    "uncorrectable ECC error",
    "Found no NVIDIA driver",
)
_FULL = ("CUDA error: out of memory", "ALLOC_FAILED")  # as the driver and cuBLAS say it
_OF_LIBRARIES = ("CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS", "CUFFT_STATUS")


def gpu_error(error: BaseException) -> GpuError | None:
    """What an error of PyTorch says of the GPU, or None where it is of something else."""
    if isinstance(error, GpuError):
        return error
    torch = sys.modules.get("torch")  # where it was never loaded it raises nothing
    if torch is None or not isinstance(error, RuntimeError):
        return None
    told = " ".join(str(error).split("\n", 1)[0].split())
    if isinstance(error, torch.OutOfMemoryError) or any(words in told for words in _FULL):
        return GpuMemory(f"the GPU has no memory left: {told}; close what else uses it")
    if any(words in told for words in _GONE):
        return GpuLost(f"the GPU is gone: {told}; see nvidia-smi, and dmesg for an Xid")
    if isinstance(error, torch.AcceleratorError) or told.startswith(_OF_LIBRARIES):
        return GpuError(f"the GPU failed: {told}")
    return None
