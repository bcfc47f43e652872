# What train_tiny.sh and train_lcnet.sh share; they source it.
#
# SIGA_DATA holds the real words (docs/guides/data.md), LEXICON one word a line, BACKGROUNDS
# photographs. WORK gets data, checkpoints and logs; a stage whose result is there is not run again,
# and one that was cut off goes on where it was. The faces are those installed: with other faces the
# words differ, but not much. PYTHON names the interpreter, FONTS the folders of faces if not all that
# are installed; COUNT words a set are enough to rehearse.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PYTHON=${PYTHON:-python}
: "${SIGA_DATA:?set it to the folder of the real words, see docs/guides/data.md}"
: "${LEXICON:?set it to a list of words, one a line}"
: "${BACKGROUNDS:?set it to a folder of photographs}"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
TRAIN=$("$PYTHON" -c 'import mmocr, pathlib; print(pathlib.Path(mmocr.__file__).parent / ".mim/tools/train.py")' | tail -n 1)
# One root for all: the real words beside the rendered ones.
mkdir -p "$WORK/data"
ln -sfn "$(realpath "$SIGA_DATA")/real" "$WORK/data/real"
export SIGA_DATA=$WORK/data

render() {  # FOLDER OPTIONS...
    local folder=$WORK/data/$1
    shift
    # Goes on with a set that was cut off and leaves one that is finished.
    "$PYTHON" tools/data/synthesize.py "$folder" --format lmdb --backgrounds "$BACKGROUNDS" "$@" \
        ${FONTS:+--fonts $FONTS} ${COUNT:+--count "$COUNT"}
}

scene_words() {  # to release/, of the scenes that configs/_base_/datasets/scenes.py trains on
    local folder set
    for set in ic15_scenes:10 ic15_scenes_more:30; do
        folder=$WORK/data/release/${set%:*}
        if [ ! -f "$folder/words.tsv" ]; then
            rm -rf "$folder"
            "$PYTHON" tools/data/crop_scene_words.py "$SIGA_DATA/real/${set%:*}/images" \
                "$SIGA_DATA/real/${set%:*}/gts" "$folder" --set-aside "${set#*:}"
        fi
    done
}

stage() {  # CONFIG LAST_ITERATION [WEIGHTS TO START FROM]
    local folder=$WORK/$1
    if [ ! -f "$folder/iter_$2.pth" ]; then
        "$PYTHON" "$TRAIN" "configs/$1.py" --amp --work-dir "$folder" \
            $([ -f "$folder/last_checkpoint" ] && echo --resume) \
            ${3:+--cfg-options "default_hooks.warm_start.checkpoint=$3"}
    fi
}

pack() {  # NAME CONFIG LAST_ITERATION OPTIONS...
    local name=$1 config=$2 weights=$WORK/$2/iter_$3.pth
    shift 3
    "$PYTHON" tools/checkpoints/pack_weights.py "configs/$config.py" "$weights" "$name" \
        --card "tools/checkpoints/$name.json" "$@"
}
