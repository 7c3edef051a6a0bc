#!/bin/sh
# What a CUDA machine can tell, in two parts of under 9 minutes each. Random weights of the exact
# architecture, uint8 in host memory to uint8 in host memory; JSON, and plots where matplotlib is
# installed, go to the folder named; what fails is told, and the rest still runs.
#
#   tools/gpu_bench.sh FOLDER [PYTHON [PART]]
#
# frames    the GPU tests of frames, then a frame, its stages and its open loop on PyTorch, beside
#           the peers that are installed
# engines   Inductor's engine and its tests, in fp16 and fp8, beside PyTorch; TensorRT's where it is
#           installed
set -u

folder=${1:?usage: $0 FOLDER [PYTHON [frames|engines]]}
python=$(command -v "${2:-python3}") || { echo "there is no ${2:-python3}"; exit 2; }
part=${3:-frames}
mkdir -p "$folder" || exit 2
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.." || exit 2
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
    { echo "PyTorch finds no CUDA device"; exit 1; }
failed=0
ends=$(($(date +%s) + 530))
LIVESTYLE_ENGINES=${LIVESTYLE_ENGINES:-$(mktemp -d)/engines} # not in FOLDER: they are large
export LIVESTYLE_ENGINES
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

build() { # seconds at most, name, flags
    limit=$1 name=$2
    shift 2
    within "$limit" "$name" "$python" -m livestyle build sdxl-turbo --random-weights "$@"
}

frames() {
    peers="--peer diffusers"
    has streamdiffusion && peers="$peers --peer streamdiffusion"
    within 120 tests "$python" -m pytest -q tests/gpu/test_turbo_gpu.py
    within 60 floor "$python" -m livestyle bench floor --random-weights --json "$folder/floor.json"
    # shellcheck disable=SC2086  # several peers are several words
    bench 120 fp16-512x512 --engine torch --precision fp16 --size 512x512 --fps 60 $peers
    bench 60 bf16-512x512 --engine torch --precision bf16 --size 512x512 --fps 240
    bench 60 fp16-640x384 --engine torch --precision fp16 --size 640x384 --fps 240
    within 20 doctor "$python" -m livestyle doctor
    bench 240 fp16-512x512-compiled-peer --engine torch --precision fp16 --peer diffusers-compile
    tail -n 3 "$folder/tests.txt"
}

engines() {
    build 240 build-fp16 --engine torch-compiled --precision fp16
    bench 90 compiled-fp16 --engine torch-compiled --precision fp16 --fps 240 --peer torch
    build 200 build-fp8 --engine torch-compiled --precision fp8
    bench 90 compiled-fp8 --engine torch-compiled --precision fp8 --fps 240
    if has tensorrt || has tensorrt_rtx; then
        build 200 build-tensorrt --engine tensorrt
        bench 90 tensorrt-fp16 --engine tensorrt --precision fp16 --fps 240
    fi
    within 300 engine-tests "$python" -m pytest -q -rA tests/gpu/test_engines_gpu.py
    tail -n 3 "$folder/engine-tests.txt"
}

case $part in
frames | engines) "$part" ;;
*)
    echo "there is no part $part; choose from: frames, engines"
    exit 2
    ;;
esac
exit $failed
