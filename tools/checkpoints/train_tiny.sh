#!/usr/bin/env bash
# Train the small recognizer that the package brings along, from nothing to the packed file.
#
#   SIGA_DATA=... LEXICON=words.txt BACKGROUNDS=photographs bash tools/checkpoints/train_tiny.sh
WORK=${WORK:-work_dirs/release}
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

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

stage siga_tiny_easy 1500
stage siga_tiny_mixed 8500 "$WORK/siga_tiny_easy/iter_1500.pth"
"$PYTHON" tools/checkpoints/convert_dictionary.py configs/siga_tiny_release.py \
    "$WORK/siga_tiny_mixed/iter_8500.pth" "$WORK/warm.pth" --from 36
stage siga_tiny_release 4800 "$WORK/warm.pth"
stage siga_tiny_release_2 6000 "$WORK/siga_tiny_release/iter_4800.pth"
pack siga_tiny_words siga_tiny_release_2 6000 --check "$SIGA_DATA/real/svt_train/images"
