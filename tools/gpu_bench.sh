#!/bin/sh
# What a CUDA machine can tell in under 9 minutes: the GPU tests, then turbo's frame, its stages and
# its open loop with random weights of the exact architecture, beside the peers that are installed.
# JSON, and plots where matplotlib is installed, go to the folder named; what fails is told, and the
# rest still runs.
#
#   tools/gpu_bench.sh FOLDER [PYTHON]
set -u

folder=${1:?usage: $0 FOLDER [PYTHON]}
python=$(command -v "${2:-python3}") || { echo "there is no ${2:-python3}"; exit 2; }
mkdir -p "$folder" || exit 2
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.." || exit 2
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
    { echo "PyTorch finds no CUDA device"; exit 1; }
failed=0
ends=$(($(date +%s) + 530))
nvidia-smi -q -d CLOCK,POWER,PIDS >"$folder/nvidia-smi.txt" 2>&1

has() { "$python" -c "import $1" 2>/dev/null; }

within() { # seconds at most, name, command: what it prints is kept as NAME.txt
    limit=$1 name=$2
    shift 2
    left=$((ends - $(date +%s)))
    [ "$left" -lt "$limit" ] && limit=$left
    [ "$limit" -lt 5 ] && { echo "$name: left out, the time is over"; return; }
    timeout -k 5 "$limit" "$@" >"$folder/$name.txt" 2>&1 && return
    echo "$name failed: see $folder/$name.txt"
    failed=1
}

bench() { # seconds at most, name, flags
    limit=$1 name=$2
    shift 2
    has matplotlib && set -- "$@" --plot "$folder/$name.png"
    within "$limit" "$name" "$python" -m livestyle bench turbo --random-weights --frames 100 \
        --json "$folder/$name.json" "$@"
}

peers="--peer diffusers"
has streamdiffusion && peers="$peers --peer streamdiffusion"

within 120 tests "$python" -m pytest -q tests/gpu
# shellcheck disable=SC2086  # several peers are several words
bench 120 fp16-512x512 --precision fp16 --size 512x512 --fps 60 $peers
bench 60 bf16-512x512 --precision bf16 --size 512x512 --fps 240
bench 60 fp16-640x384 --precision fp16 --size 640x384 --fps 240
within 20 doctor "$python" -m livestyle doctor
bench 240 fp16-512x512-compiled-peer --precision fp16 --size 512x512 --peer diffusers-compile
tail -n 3 "$folder/tests.txt"
exit $failed
