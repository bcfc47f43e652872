#!/usr/bin/env bash
# Fetch wheels of what this package needs beside torch, torchvision, NumPy, OpenCV, onnx, onnxruntime
# and the usual ones of a GPU image with Python 3.12 on x86-64 Linux (14 MB): wheels.sh [DIR]
#
# tools/gpu/run.sh installs them where there is no network, WHEELS=DIR. Let git ignore the folder.
set -euo pipefail
dir=${1:-.whl}
PYTHON=${PYTHON:-python3}
mkdir -p "$dir"
platforms=()
for n in 28 27 24 17; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
"$PYTHON" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp "${platforms[@]}" --platform manylinux2014_x86_64 \
    --platform manylinux1_x86_64 -d "$dir" \
    mmengine==0.10.7 mmcv-lite==2.0.1 mmdet==3.1.0 mmocr==1.0.1 imgaug==0.4.0 shapely pyclipper \
    lmdb rapidfuzz pycocotools terminaltables addict yapf platformdirs termcolor ijson 'setuptools<81'
du -sh "$dir"
