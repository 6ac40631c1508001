#!/bin/sh
# Debian's SLURM, for tests/slurm: installed where it is missing and this user may; starts no daemon.
# Says why not, and succeeds all the same: the tests skip with a reason then.
PATH=$PATH:/usr/sbin:/sbin
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && exit 0
[ "$(id -u)" = 0 ] || { echo "SLURM is not installed: only root may"; exit 0; }
command -v apt-get >/dev/null || { echo "SLURM is not installed: no apt-get here"; exit 0; }
# apt asks this file before it starts a package's daemon; 101 forbids.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
{ timeout 120 apt-get update && timeout 300 apt-get install --yes --no-install-recommends \
    munge slurmctld slurmd slurm-client; } >/dev/null 2>&1 || echo "SLURM is not installed: apt-get failed"
exit 0
