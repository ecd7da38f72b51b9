#!/bin/sh
# A purge takes what the service wrote, and root's configuration. The user stays: files of other folders may be its own.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
if [ "$1" = purge ]; then
  rm -rf /etc/ingressd /var/lib/ingressd /var/log/ingressd /run/ingressd /run/ingressd-services
fi
