#!/usr/bin/env bash
# Brings what tests/peers talks to. From Debian, where it is absent: nginx, Node with npm, Python. From npm and PyPI, in the
# versions and with the hashes that are written down in clients/, into the target folder: the clients of other issuers.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# Where the tests look: cargo calls it CARGO_TARGET_TMPDIR.
clients=${CARGO_TARGET_DIR:-$here/../../target}/tmp/clients

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c "import ensurepip, venv" 2>/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -ne 0 ]; then
  command -v apt-get >/dev/null || {
    echo "tools.sh: install these first: ${missing[*]}" >&2
    exit 1
  }
  echo "tools.sh: installing ${missing[*]}"
  # As packages of other services do, nginx would start at once, on port 80.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# What is there already was made of these very files.
made_of=$(cat "$here"/clients/{package.json,package-lock.json,requirements.txt} | sha256sum)
[ "$(cat "$clients/made-of" 2>/dev/null)" = "$made_of" ] && exit 0

echo 'tools.sh: installing openid-client and jose from npm, Authlib and PyJWT from PyPI (once)'
rm -rf "$clients"
mkdir -p "$clients"
cp "$here"/clients/{package.json,package-lock.json} "$clients"
(cd "$clients" && npm ci --silent --no-audit --no-fund --ignore-scripts)
python3 -m venv "$clients/python"
"$clients/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
  --requirement "$here/clients/requirements.txt"
echo "$made_of" >"$clients/made-of"
