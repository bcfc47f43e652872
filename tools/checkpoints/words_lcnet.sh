# The rendered words of train_lcnet.sh, which sources this after recipe.sh.
common=(--split train=1 --quality 90)
words=(--random-strings 0.12 --lexicon "$LEXICON")
render release/contextless --preset contextless --count 9000 --seed 22 --max-length 14 \
    --charset ascii94 "${common[@]}"
render release/plates --preset licence_plates --count 8000 --seed 25 "${common[@]}"
render release/serial --preset serial_numbers --count 8000 --seed 21 --max-length 16 "${common[@]}"
render release/incidental --preset incidental --count 12000 --seed 26 "${words[@]}" "${common[@]}"
render release/words --preset mj_st_like --count 8000 --seed 23 "${words[@]}" "${common[@]}"
