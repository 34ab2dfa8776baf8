#!/bin/sh
# Builds the fuzz targets, replays their corpus, and fuzzes each for SECONDS (20 unless given).
#
#   fuzz/run.sh [SECONDS [TARGET...]]
#
# What a run learns is kept in the build's folder (FUZZ_TARGET_DIR, fuzz/target unless set), so that the next one goes
# on from there; the corpus in the repository changes by hand only. An input that fails stays in the build's folder, and
# is printed.
#
# The lock is the main package's and libFuzzer: when that one changes, 'cp ../Cargo.lock . && cargo metadata >/dev/null'.
set -eu

cd "$(dirname "$0")"
seconds=${1:-20}
[ $# -gt 0 ] && shift
targets=${*:-credentials endpoints expression framing proof ring target token yaml}
folder=${FUZZ_TARGET_DIR:-$PWD/target}
host=$(rustc -vV | sed -n 's/^host: //p')

# The passes of LLVM that libFuzzer reads coverage from, without the nightly flags that usually switch them on. With an
# explicit --target they stay out of build scripts and procedural macros.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1" \
    cargo build --locked --quiet --target "$host" --target-dir "$folder"

status=0
for target in $targets; do
    program=$folder/$host/debug/$target
    learnt=$folder/corpus/$target
    log=$folder/$target.log
    mkdir -p "$learnt" "$folder/found"
    # Bounds for one input: 64 KiB, 5 s, 1 GiB.
    bounds="-max_len=65536 -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -artifact_prefix=$folder/found/$target-"
    # shellcheck disable=SC2086
    if "$program" $bounds -runs=0 "corpus/$target" >"$log" 2>&1 &&
        "$program" $bounds -max_total_time="$seconds" "$learnt" "corpus/$target" >>"$log" 2>&1; then
        sed -n 's/^Done /'"$target"': /p' "$log" | tail -n 1
    else
        status=1
        echo "$target: failed" >&2
        grep -A 2 -E 'panicked at|ERROR: libFuzzer' "$log" | tail -n 12 >&2 || true
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        if [ -n "$input" ]; then
            echo "$target: run '$program $input' again; the input is" >&2
            od -A d -t x1z "$input" | head -n 64 >&2
        fi
    fi
done
exit $status
