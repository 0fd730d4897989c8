#!/usr/bin/env bash
# Brings what CodeDistiller needs on a Debian or Ubuntu machine: system packages where apt can be used, then the Node packages.
# Safe to run again: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
command -v git >/dev/null || packages+=(git)
command -v bwrap >/dev/null || packages+=(bubblewrap)
command -v python3 >/dev/null || packages+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
packages+=("$@")

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    apt-get -q update >"$log" 2>&1 || true
    # One name that this release does not have would keep apt from installing any.
    known=() unknown=()
    for package in "${packages[@]}"; do
      if apt-cache show "$package" >/dev/null 2>&1; then known+=("$package"); else unknown+=("$package"); fi
    done
    if ! apt-get -q install -y --no-install-recommends "${known[@]}" >>"$log" 2>&1; then
      tail -n 5 "$log" >&2
      unknown+=("${known[@]}")
    fi
    if [ ${#unknown[@]} -gt 0 ]; then
      echo "apt could not install: ${unknown[*]}. Install them by your own means; \`npx codedistiller doctor\` tells what is missing." >&2
    fi
    rm -f "$log"
  else
    echo "Missing system packages: ${packages[*]}. Install them, for example: sudo apt-get install ${packages[*]}" >&2
  fi
fi

npm ci --no-fund --no-audit --loglevel=error
