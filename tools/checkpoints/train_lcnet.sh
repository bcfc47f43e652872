#!/usr/bin/env bash
# Train the reader and the detector on PP-OCRv6's trunk that the package brings along, to the packed
# files.
#
#   pip install '.[trunks]'
#   SIGA_DATA=... LEXICON=words.txt BACKGROUNDS=photographs bash tools/checkpoints/train_lcnet.sh
WORK=${WORK:-work_dirs/release_lcnet}
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

source tools/checkpoints/words_lcnet.sh
scene_words

stage siga_lcnet_v4_release 2000
# By CTC alone: SIGA-P, which began from nothing, reads less than half as many words.
stage siga_lcnet_v4_release_2 1600 "$WORK/siga_lcnet_v4_release/iter_2000.pth"
pack siga_lcnet_words siga_lcnet_v4_release_2 1600 --check "$SIGA_DATA/real/svt_train/images"
stage textdet/dbnet_lcnetv4 1500
find "$SIGA_DATA/real/ic15_scenes/images/" -name '*.jpg' | sort | sed -n 1,20p > "$WORK/scenes.txt"
pack dbnet_words textdet/dbnet_lcnetv4 1500 --limit 6 --check "@$WORK/scenes.txt"
