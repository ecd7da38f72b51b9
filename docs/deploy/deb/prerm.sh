#!/bin/sh
# Removing the package stops the service; an upgrade lets it run until the new version is in place.
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now ingressd.service || true
fi
