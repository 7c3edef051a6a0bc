"""A micro-VM with Debian's kernel and v4l2loopback, on the files of this machine, read-only.

No KVM: where it is offered, a VM inside a VM has been seen to hang in its BIOS. Emulated, a boot
takes about half a minute, and everything inside runs 10 to 100 times slower than outside.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# Drivers that the guest has no use for: emulated, loading them takes as long as the rest of a boot.
NEEDLESS = (
    "kvm_amd,kvm_intel,kvm,irqbypass,powernow_k8,acpi_cpufreq,button,qemu_fw_cfg,evdev,serio_raw,"
    "psmouse,pcspkr,snd_pcsp,aesni_intel,crypto_simd,cryptd,ghash_clmulni_intel,sha512_ssse3,"
    "sha256_ssse3,sha1_ssse3,crc32_pclmul,crct10dif_pclmul,crc32c_intel,ahci,libahci,libata,sr_mod,"
    "cdrom,sg,scsi_mod,iTCO_wdt,iTCO_vendor_support,intel_pmc_bxt,i2c_i801,lpc_ich"
)
# The root that the VM comes with asks the host again for each page of each file; this one keeps
# what it has read, which makes a second start of ffmpeg or Python three times as fast.
START = """\
set -e
root=/run/cached
mkdir -p $root /run/home
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose cached $root
for folder in dev proc sys run; do mount --rbind /$folder $root/$folder; done
mount --bind {shared} $root{shared}
export HOME=/run/home TMPDIR=/run/home PATH=/usr/sbin:/usr/bin:/sbin:/bin
chroot $root {python} {guest} {shared}
"""


def kernel() -> Path | None:
    """The newest installed kernel that v4l2loopback is built for."""
    built = [
        image
        for image in Path("/boot").glob("vmlinuz-*")
        for modules in [Path("/lib/modules", image.name.removeprefix("vmlinuz-"), "modules.dep")]
        if modules.exists() and "/v4l2loopback.ko" in modules.read_text()
    ]
    return max(built, key=lambda image: image.stat().st_mtime, default=None)


def missing() -> str:
    """What this machine lacks for a boot, in words; "" if nothing."""
    programs = ("qemu-system-x86_64", "ffmpeg", "v4l2-ctl", "modprobe")
    lacking = [program for program in programs if not shutil.which(program)]
    if not _virtme().exists():
        lacking.append("virtme-ng in this environment")
    if kernel() is None:
        lacking.append("a kernel in /boot with v4l2loopback built for it")
    return ", ".join(lacking)


class Guest:
    """What a VM left: the figures of its scenarios, files in `folder`, the text of its console."""

    def __init__(self, folder: Path, console: str) -> None:
        self.folder = folder
        self._console = console
        results = folder / "results.json"
        self._results: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}

    def figures(self, scenario: str) -> dict[str, Any]:
        """Raises AssertionError, with the traceback or the console, if it did not run through."""
        assert scenario in self._results, f"not reached; console:\n{self._console[-3000:]}"
        figures: dict[str, Any] = self._results[scenario]
        assert "traceback" not in figures, figures["traceback"]
        return figures


def boot(guest: Path, shared: Path, limit: float, memory: str = "2G") -> Guest:
    """Run `guest` with this interpreter in a VM; it may write to the folder `shared` alone.

    Whatever it does, the VM is gone after `limit` s, and what it had found out by then is returned.
    """
    script = shared / "start.sh"
    words = {"shared": shared, "python": sys.executable, "guest": guest}
    script.write_text(
        START.format(**{name: shlex.quote(str(word)) for name, word in words.items()})
    )
    command = [
        *(str(_virtme()), "--disable-kvm", "--force-9p", "--mods=auto", "--kimg", str(kernel())),
        *("--memory", memory, "--cpus", "2", f"--rwdir={shared}={shared}"),
        *("--kopt", "mitigations=off", "--kopt", "nokaslr"),
        *(
            "--kopt",
            f"module_blacklist={NEEDLESS}",
            "--script-sh",
            f"sh {shlex.quote(str(script))}",
        ),
        *("--qemu-opts", "-fsdev"),
        "local,id=cached,path=/,security_model=none,readonly=on,multidevs=remap",
        *("-device", "virtio-9p-pci,fsdev=cached,mount_tag=cached"),
    ]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # each file that the guest reads is open
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, most))
    try:
        console, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"") + f"\nstopped after {limit} s".encode()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=10)
    return Guest(shared, console.decode(errors="replace"))


def _virtme() -> Path:
    return Path(sys.executable).with_name("virtme-run")
