#!/bin/sh
# Becomes a systemd that knows one unit, in namespaces of its own: what it writes to /etc, /var, /run
# and /tmp is gone with it. Arguments: a scratch folder with `units/`, `policy.wasm` and an empty
# `mounts/`; the project's folder.
set -e
scratch=$1 project=$2
mount --make-rprivate /
mount -t tmpfs none "$scratch/mounts"
mkdir "$scratch/mounts/etc" "$scratch/mounts/etc.work" "$scratch/mounts/var" "$scratch/mounts/var.work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$scratch/mounts/etc,workdir=$scratch/mounts/etc.work" /etc
mount -t overlay overlay -o "lowerdir=/var,upperdir=$scratch/mounts/var,workdir=$scratch/mounts/var.work" /var
mount -t tmpfs none /opt
mkdir /opt/ingressd
mount --bind "$project" /opt/ingressd
mount -t tmpfs none /run
cp -r "$scratch/units" /run/units
mkdir /etc/ingressd
cp "$scratch/policy.wasm" /etc/ingressd/
printf '[audit]\nfile = "/var/log/ingressd/audit.jsonl"\n[services.web]\nsocket = "/run/ingressd-services/web.sock"\n' >/etc/ingressd/ingressd.toml
mount -t tmpfs -o mode=1777 none /tmp
mount -t proc proc /proc
systemd-sysusers /opt/ingressd/docs/deploy/ingressd.sysusers
systemd-tmpfiles --create /opt/ingressd/docs/deploy/ingressd.tmpfiles
SYSTEMD_UNIT_PATH=/run/units container=other exec /lib/systemd/systemd --system --unit=alone.target
