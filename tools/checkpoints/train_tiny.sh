#!/usr/bin/env bash
# Train the recognizer that the package brings along, from nothing to the packed file.
#
#   SIGA_DATA=... LEXICON=words.txt BACKGROUNDS=photographs bash tools/checkpoints/train_tiny.sh
#
# SIGA_DATA holds the real words (docs/guides/data.md), LEXICON one word a line, BACKGROUNDS
# photographs.
# WORK (default work_dirs/release) gets data, checkpoints and logs; a stage whose result is there
# is not run again, and one that was cut off goes on where it was. The faces are those installed:
# with other faces the words differ, but not much. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python}
WORK=${WORK:-work_dirs/release}
: "${SIGA_DATA:?set it to the folder of the real words, see docs/guides/data.md}"
: "${LEXICON:?set it to a list of words, one a line}"
: "${BACKGROUNDS:?set it to a folder of photographs}"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
TRAIN=$("$PYTHON" -c 'import mmocr, pathlib; print(pathlib.Path(mmocr.__file__).parent / ".mim/tools/train.py")' | tail -n 1)

render() {  # FOLDER OPTIONS...
    local folder=$WORK/data/$1
    shift
    "$PYTHON" tools/data/synthesize.py "$folder" --format lmdb --backgrounds "$BACKGROUNDS" "$@"
}

stage() {  # CONFIG LAST_ITERATION [WEIGHTS TO START FROM]
    local folder=$WORK/$1
    if [ ! -f "$folder/iter_$2.pth" ]; then
        "$PYTHON" "$TRAIN" "configs/$1.py" --amp --work-dir "$folder" \
            $([ -f "$folder/last_checkpoint" ] && echo --resume) \
            ${3:+--cfg-options "default_hooks.warm_start.checkpoint=$3"}
    fi
}

# synthesize.py goes on with a set that was cut off and leaves one that is finished.
render easy_words --count 24000 --charset alnum62 --max-length 5 --random-strings 0.5 \
    --difficulty easy --lexicon "$LEXICON" --split train=0.98,val=0.02
render rendered_words --count 150000 --difficulty hard --random-strings 0.25 \
    --lexicon "$LEXICON" --split train=0.99,val=0.01
common=(--split train=1 --quality 90)
render release/serial --preset serial_numbers --count 30000 --seed 11 --max-length 16 "${common[@]}"
render release/contextless --preset contextless --count 30000 --seed 12 --max-length 12 \
    "${common[@]}"
words=(--preset mj_st_like --count 100000 --random-strings 0.12 --lexicon "$LEXICON")
render release/words_a --seed 13 "${words[@]}" "${common[@]}"
render release/words_b --seed 14 "${words[@]}" "${common[@]}"
render release/plates --preset licence_plates --count 25000 --seed 15 "${common[@]}"
render release/incidental --preset incidental --count 80000 --seed 16 --random-strings 0.12 \
    --lexicon "$LEXICON" "${common[@]}"

# One root for all: the real words beside the rendered ones.
ln -sfn "$(realpath "$SIGA_DATA")/real" "$WORK/data/real"
export SIGA_DATA=$WORK/data
stage siga_tiny_easy 1500
stage siga_tiny_mixed 8500 "$WORK/siga_tiny_easy/iter_1500.pth"
"$PYTHON" tools/checkpoints/convert_dictionary.py configs/siga_tiny_release.py \
    "$WORK/siga_tiny_mixed/iter_8500.pth" "$WORK/warm.pth" --from 36
stage siga_tiny_release 4800 "$WORK/warm.pth"
stage siga_tiny_release_2 6000 "$WORK/siga_tiny_release/iter_4800.pth"
"$PYTHON" tools/checkpoints/pack_weights.py configs/siga_tiny_release_2.py \
    "$WORK/siga_tiny_release_2/iter_6000.pth" siga_tiny_words \
    --card tools/checkpoints/siga_tiny_words.json --check "$SIGA_DATA/real/svt_train/images"
