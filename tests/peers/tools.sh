#!/usr/bin/env bash
# Brings what tests/peers talks to, from Debian, where it is absent: nginx and Node.
set -euo pipefail

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
command -v node >/dev/null || missing+=(nodejs)
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || {
  echo "tools.sh: install these first: ${missing[*]}" >&2
  exit 1
}
# As packages of other services do, nginx would start at once, on port 80.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
