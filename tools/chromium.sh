#!/usr/bin/env bash
# Prints the path of a Chromium or Chrome for the browser tests, installing Debian's package when there is none.
# CHROMIUM=/path/to/browser overrides. Fails with a message when no browser can be had: the tests are never skipped.
# The headless shell is the same engine without windows and profiles: a page costs a third of the processor's time.
set -euo pipefail

find_browser() {
    local name
    for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if command -v "$name"; then return 0; fi
    done
    return 1
}

refuse() {
    echo "The browser tests need Chromium: $1. Install it (Debian: apt-get install chromium)" \
        "or set CHROMIUM=/path/to/browser." >&2
    exit 1
}

if [ -n "${CHROMIUM:-}" ]; then
    command -v "$CHROMIUM" || refuse "CHROMIUM=$CHROMIUM cannot be run"
    exit 0
fi
find_browser && exit 0
command -v apt-get >/dev/null || refuse "none was found, and there is no apt-get to install it"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; } ||
        refuse "none was found, and installing it takes root"
    as_root=(sudo)
fi
{
    # A broken third-party package source is no reason to stop while Debian's own answers.
    "${as_root[@]}" apt-get update -qq || echo "apt-get update reported errors; trying to install all the same"
    install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
    # Older releases of Debian have no headless shell.
    "${install[@]}" chromium-headless-shell fonts-dejavu-core || "${install[@]}" chromium fonts-dejavu-core
} >&2 || refuse "apt-get could not install it"
hash -r
find_browser || refuse "it was installed and still not found"
