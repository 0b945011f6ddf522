#!/usr/bin/env bash
# Writes constraints.txt anew, with the hashes of every file of each version: bash tools/pin_versions.sh
#
# Needs uv. Versions that constraints.txt has stay as they are; delete a line there, with its hashes, to let a version
# move. Every Python from 3.11 on and every platform is covered, so the hashes of files for others are there, too.
# pysiglib and PyTorch are pinned without what they need, which would be a gigabyte of libraries for graphics cards;
# they serve `make bench-signatures` alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e '/--hash=/d' -e 's/ *\\$//' constraints.txt >"$work/before.txt"
grep -E '^(pysiglib|torch)==' "$work/before.txt" >"$work/torch.in"
grep -vE '^(pysiglib|torch)==' "$work/before.txt" >"$work/pins.txt"
printf 'pip\nsetuptools\nhatchling\n' >"$work/installing.in"
options=(--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet)
uv pip compile pyproject.toml "$work/installing.in" --extra esig --extra iisignature --extra roughpy --extra parquet \
    --extra certify --extra networks --extra notebook --extra docs --extra dev \
    --constraint "$work/pins.txt" --allow-unsafe "${options[@]}" --output-file "$work/all.txt"
uv pip compile "$work/torch.in" --no-deps "${options[@]}" --output-file "$work/torch.txt"
{
    sed '/^[^#]/,$d' constraints.txt # the words at its head
    cat "$work/all.txt"
    echo "# make bench-signatures"
    cat "$work/torch.txt"
} >"$work/constraints.txt"
mv "$work/constraints.txt" constraints.txt
