#!/bin/sh
# Makes the user and the folders. The service is not started, because there is no policy yet; one that runs is restarted.
set -e
[ "$1" = configure ] || exit 0
systemd-sysusers ingressd.conf 2>/dev/null || getent passwd ingressd >/dev/null ||
  adduser --system --group --no-create-home --home /var/lib/ingressd --gecos "ingressd gateway" ingressd
systemd-tmpfiles --create ingressd.conf 2>/dev/null || true
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  [ -z "$2" ] || systemctl try-restart ingressd.service
fi
# The same test as in each program.
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a >= 26 || b >= { 20: 19, 22: 3, 24: 0 }[a] ? 0 : 1)' 2>/dev/null; then
  echo "ingressd needs Node 20 (from 20.19), 22 (from 22.3), 24, 26 or later as \`node\`, which is not installed" >&2
fi
