#!/usr/bin/env bash
# Builds what tests/cluster runs against, from the Go modules of their makers: etcd, kube-apiserver, kubectl.
#
# usage: build-tools.sh [OUT_DIR]
#
# OUT_DIR defaults to $XDG_CACHE_HOME/bearward-tools, else ~/.cache/bearward-tools. A tool that is already there is left
# alone. It needs Go and a Go module proxy, once. Cold, on two cores: etcd 1 minute, kube-apiserver 3.5, kubectl less
# than one. The last line of stdout is OUT_DIR; what it is doing goes to stderr.
set -euo pipefail

KUBERNETES=${KUBERNETES_VERSION:-1.36.3}
ETCD=${ETCD_VERSION:-3.6.13}
TOOLS=(etcd kube-apiserver kubectl)

say() { echo "build-tools: $*" >&2; }

out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/bearward-tools}
mkdir -p "$out"
out=$(cd "$out" && pwd)

missing=()
for tool in "${TOOLS[@]}"; do
  [ -x "$out/$tool" ] || missing+=("$tool")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "$out"
  exit 0
fi

command -v go >/dev/null || {
  say "${missing[*]} are not in $out, and there is no Go to build them with;"
  say "install Go from https://go.dev/dl/, or set KUBEBUILDER_ASSETS to a folder that has them"
  exit 1
}
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false

# One build at a time: whoever waited finds the tools there.
exec 9>"$out/.lock"
if ! flock --nonblock 9; then
  say "waiting for another build in $out"
  flock 9
fi

# Runs a command that prints much and means little; shows all of it if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say "failed: $*"
    exit 1
  fi
  rm -f "$log"
}

build() { # FOLDER PACKAGE NAME LDFLAGS
  say "building $3 (${SECONDS}s so far; minutes on a cold cache)"
  (cd "$1" && go build -trimpath -ldflags "-s -w $4" -o "$out/$3.new" "$2")
  mv "$out/$3.new" "$out/$3"
}

# A scratch module whose only requirement is the tool.
etcd_module() {
  local dir="$out/.src/etcd-$ETCD"
  if [ ! -f "$dir/go.sum" ]; then
    mkdir -p "$dir"
    say "fetching the sources of etcd $ETCD"
    printf 'module tools.invalid/etcd\n\ngo 1.26.0\n' >"$dir/go.mod"
    quietly go -C "$dir" get -tool "go.etcd.io/etcd/server/v3@v$ETCD"
  fi
  echo "$dir"
}

# k8s.io/kubernetes replaces its own staging modules by folders; here they are replaced by their published twins, whose
# versions are v0.X.Y where Kubernetes is v1.X.Y.
kubernetes_module() {
  local dir="$out/.src/kubernetes-$KUBERNETES" source
  if [ ! -f "$dir/go.sum" ]; then
    mkdir -p "$dir"
    say "fetching the sources of Kubernetes $KUBERNETES"
    quietly go mod download "k8s.io/kubernetes@v$KUBERNETES"
    source=$(go env GOMODCACHE)/k8s.io/kubernetes@v$KUBERNETES
    {
      printf 'module tools.invalid/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES"
      awk -v twin="v0.${KUBERNETES#1.}" \
        '/^replace \(/{inside=1;next} /^\)/{inside=0} inside && /=>/{print "\t"$1" => "$1" "twin}' "$source/go.mod"
      printf ')\n\ntool (\n\tk8s.io/kubernetes/cmd/kube-apiserver\n\tk8s.io/kubernetes/cmd/kubectl\n)\n'
    } >"$dir/go.mod"
    quietly go -C "$dir" mod tidy
  fi
  echo "$dir"
}

for tool in "${TOOLS[@]}"; do
  [ -x "$out/$tool" ] && continue
  case $tool in
    etcd)
      dir=$(etcd_module)
      build "$dir" go.etcd.io/etcd/server/v3 etcd "" ;;
    *)
      minor=${KUBERNETES#1.}
      version=k8s.io/component-base/version
      dir=$(kubernetes_module)
      build "$dir" "k8s.io/kubernetes/cmd/$tool" "$tool" \
        "-X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" ;;
  esac
done
say "built ${missing[*]} in ${SECONDS}s"
echo "$out"
