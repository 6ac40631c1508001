#!/bin/sh
# Debian's Chromium, for the tests of the explorer: installed where it is missing and this user may.
# Says why not, and succeeds all the same: the tests skip with a reason then.
command -v chromium >/dev/null && exit 0
[ "$(id -u)" = 0 ] || { echo "Chromium is not installed: only root may"; exit 0; }
command -v apt-get >/dev/null || { echo "Chromium is not installed: no apt-get here"; exit 0; }
export DEBIAN_FRONTEND=noninteractive
{ timeout 120 apt-get update && timeout 400 apt-get install --yes --no-install-recommends chromium
} >/dev/null 2>&1 || echo "Chromium is not installed: apt-get failed"
exit 0
