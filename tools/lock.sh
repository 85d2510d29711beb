#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml: first what the bot needs, then, below the
# marker line, what only the tests need. Needs uv; the newest versions that fit are taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MARKER='# === test tools ==='
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Nothing of the machine that runs this may end in the file: no header, index or path.
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}

names_in() {
    sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$1" | sort -u
}

compile pyproject.toml --output-file "$scratch/runtime"
# The tests run on the very versions the bot runs on; what is pinned above is not repeated.
repeated=()
while IFS= read -r name; do
    repeated+=(--no-emit-package "$name")
done < <(names_in "$scratch/runtime")
compile --group test --constraints "$scratch/runtime" "${repeated[@]}" \
    --output-file "$scratch/test"

{
    echo "# Every package at one version with its hashes, for Python 3.11 and newer on any system."
    echo "# Written by ./manage.sh lock from pyproject.toml; do not edit."
    echo
    cat "$scratch/runtime"
    echo
    echo "$MARKER"
    echo
    cat "$scratch/test"
} > "$scratch/lock"
mv "$scratch/lock" requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) pins"
