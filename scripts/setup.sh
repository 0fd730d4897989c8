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
    if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "${packages[@]}"; } >/tmp/codedistiller-apt.log 2>&1; then
      tail -n 5 /tmp/codedistiller-apt.log >&2
      echo "apt could not install: ${packages[*]}. Install them by your own means; \`npx codedistiller doctor\` tells what is missing." >&2
    fi
  else
    echo "Missing system packages: ${packages[*]}. Install them, for example: sudo apt-get install ${packages[*]}" >&2
  fi
fi

npm ci --no-fund --no-audit --loglevel=error
