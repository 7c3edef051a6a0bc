#!/bin/sh
# What a CUDA machine can tell in under 9 minutes: the GPU tests, then turbo's frame and its stages
# with random weights of the exact architecture, beside the peers that are installed. JSON goes to
# the folder named.
#
#   tools/gpu_bench.sh FOLDER [PYTHON]
set -u

folder=${1:?usage: $0 FOLDER [PYTHON]}
python=${2:-python3}
mkdir -p "$folder"
nvidia-smi -q -d CLOCK,POWER,PIDS >"$folder/nvidia-smi.txt" 2>&1

peers="--peer diffusers"
"$python" -c "import streamdiffusion" 2>/dev/null && peers="$peers --peer streamdiffusion"

bench() { # name, flags
    name=$1
    shift
    # shellcheck disable=SC2086  # several peers are several words
    timeout 150 "$python" -m livestyle bench turbo --random-weights --frames 100 "$@" \
        --json "$folder/$name.json" >"$folder/$name.txt" 2>&1 || echo "$name failed: see $folder/$name.txt"
}

timeout 120 "$python" -m pytest -q tests/gpu >"$folder/tests.txt" 2>&1 || echo "tests failed: see $folder/tests.txt"
# shellcheck disable=SC2086
bench fp16-512x512 --precision fp16 --size 512x512 $peers
bench bf16-512x512 --precision bf16 --size 512x512
bench fp16-640x384 --precision fp16 --size 640x384
"$python" -m livestyle doctor >"$folder/doctor.txt" 2>&1
tail -n 3 "$folder/tests.txt"
