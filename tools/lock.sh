#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml: first what the bot needs, then, each below a
# marker line, what Anthropic's models need and what only the tests need. Needs uv. Pins that
# still fit stay; --upgrade takes the newest versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

EXTRA='# === extra: anthropic ==='
TESTS='# === test tools ==='
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

# What is pinned above is not repeated: all of it runs on the very same versions.
pinned=()
leave_out() { # FILE
    while IFS= read -r name; do
        pinned+=("--no-emit-package=$name")
    done < <(names_in "$1")
}

# uv keeps the pins it finds in the file it writes.
if [ "${1:-}" != --upgrade ]; then
    for section in runtime extra test; do
        cp requirements.lock "$scratch/$section"
    done
fi
compile pyproject.toml --output-file "$scratch/runtime"
leave_out "$scratch/runtime"
compile pyproject.toml --extra anthropic --constraints "$scratch/runtime" "${pinned[@]}" \
    --output-file "$scratch/extra"
leave_out "$scratch/extra"
compile --group test --constraints "$scratch/runtime" --constraints "$scratch/extra" \
    "${pinned[@]}" --output-file "$scratch/test"

{
    echo "# Every package at one version with its hashes, for Python 3.11 and newer on any system."
    echo "# Written by ./manage.sh lock from pyproject.toml; do not edit."
    echo
    cat "$scratch/runtime"
    printf '\n%s\n\n' "$EXTRA"
    cat "$scratch/extra"
    printf '\n%s\n\n' "$TESTS"
    cat "$scratch/test"
} > "$scratch/lock"
mv "$scratch/lock" requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) pins"
