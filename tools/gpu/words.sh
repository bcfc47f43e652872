#!/usr/bin/env bash
# The rendered words of tools/checkpoints/train_lcnet.sh alone, to $WORK/data.
source "$(dirname "${BASH_SOURCE[0]}")/../checkpoints/recipe.sh"
source tools/checkpoints/words_lcnet.sh
