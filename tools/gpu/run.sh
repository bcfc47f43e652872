#!/usr/bin/env bash
# Everything that is to be known of this package on a GPU, in one command of at most 12 minutes.
#
#   OUT=out PACK=work_dirs/gpu_pack WHEELS=.whl bash tools/gpu/run.sh
#
# for a machine with a GPU and without network. OUT gets at most 8 files, each below 16 MiB: gpu.json,
# gpu.md, logs and the trained weights in pieces. They are written after every step, and a step that
# fails or takes too long costs no other one. What is cut off goes on when the command is given
# again; on another machine PREVIOUS=FOLDER, the files of the call before, keeps what is done.
#
# BUDGET (720 s) is for all calls together, CALL (570 s) for this one. PACK is the folder that
# tools/gpu/pack.py filled; without it SIGA_DATA, LEXICON and BACKGROUNDS say where data are, as for
# tools/checkpoints/train_lcnet.sh. WHEELS holds what Python lacks there (docs/guides/gpu.md).
# Options go to tools/gpu/steps.py: `--device cpu --tiny` rehearses everything on a CPU.
set -euo pipefail
started=$(date +%s)
: "${OUT:?set it to the folder for the results}"
mkdir -p "$OUT"
OUT=$(realpath "$OUT")
PACK=${PACK:+$(realpath "$PACK")} WHEELS=${WHEELS:+$(realpath "$WHEELS")}
PREVIOUS=${PREVIOUS:+$(realpath "$PREVIOUS")}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHON=${PYTHON:-python3} WORK=$(realpath -m "${WORK:-work_dirs/gpu}")
mkdir -p "$WORK"

if [ -n "$WHEELS" ]; then
    if [ ! -f "$WORK/site/.whole" ]; then
        "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade \
            --target "$WORK/site" "$WHEELS"/*.whl
        touch "$WORK/site/.whole"
    fi
    export PYTHONPATH=$WORK/site${PYTHONPATH:+:$PYTHONPATH}
fi
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

if [ -n "$PACK" ]; then
    if [ ! -f "$WORK/pack/.whole" ]; then
        mkdir -p "$WORK/pack"
        tar -xzf "$PACK/pack.tar.gz" -C "$WORK/pack"
        touch "$WORK/pack/.whole"
    fi
    export SIGA_DATA=$WORK/pack LEXICON=$WORK/pack/lexicon.txt BACKGROUNDS=$WORK/pack/backgrounds
    FONTS=$("$PYTHON" -c 'import matplotlib; print(matplotlib.get_data_path())' | tail -n 1)/fonts/ttf
    [ ! -d "$WORK/pack/fonts" ] || FONTS="$FONTS $WORK/pack/fonts"
    export FONTS
fi

exec "$PYTHON" tools/gpu/steps.py "$OUT" --started "$started" ${BUDGET:+--budget "$BUDGET"} \
    ${CALL:+--call "$CALL"} ${PREVIOUS:+--previous "$PREVIOUS"} "$@"
