#!/usr/bin/env bash
# Builds and deploys.
set -euo pipefail

# Where the build goes.
readonly BUILD_DIR="build"
export PATH="$PATH:$HOME/bin" LANG=C
declare -a targets=(one two)
VERSION=$(git describe)
count=0
count=1
alias ll='ls -l'

source ./lib/common.sh
. "$HOME/.env"

# Says something
# to the user.
log() {
  local level="$1"
  text="$2"
  printf '%s %s\n' "$level" "$text" >&2
}

function build {
  local out=1
  log info "building" || return 1
  compile --out "$BUILD_DIR" | tee build.log
  if check_tools; then
    (cd "$BUILD_DIR" && make install)
  fi
}

function deploy() (
  inner() { echo "$1"; }
  for target in "${targets[@]}"; do
    upload "$target" "$(latest_version "$target")"
  done
)

cat <<EOF
not_a_call $(inside_heredoc)
EOF

if [[ -n "${DEBUG:-}" ]]; then
  TRACE=1
  trace() { set -x; }
fi

trap cleanup EXIT
sudo build
main "$@"
