#!/bin/sh
# Run in a mount and network namespace of its own (deb.check.ts): the Debian package is installed, started, upgraded and purged
# over a copy-on-write view of this machine, so that the machine itself is not changed.
#   deb_inside.sh SCRATCH NODE PACKAGE NEXT_PACKAGE
set -eu
scratch=$1 node=$2 package=$3 next=$4
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
mount -t proc proc "$scratch/root/proc"
mount --rbind /dev "$scratch/root/dev"
mount -t tmpfs tmpfs "$scratch/root/run"
mkdir -p "$scratch/root/opt/check"
cp "$package" "$scratch/root/opt/check/first.deb"
cp "$next" "$scratch/root/opt/check/next.deb"
mkdir -p "$scratch/root/opt/node"
cp "$node" "$scratch/root/opt/node/node"
ip link set lo up
cat >"$scratch/root/opt/check/run.sh" <<'INSIDE'
set -eu
export PATH=/opt/node:/usr/sbin:/usr/bin:/sbin:/bin
cd /opt/check
dpkg -i --force-depends first.deb
id ingressd
for name in ingressc ingressd ingress-guard; do $name --version; done
systemd-analyze verify /usr/lib/systemd/system/ingressd.service
printf 'edition 1\nexpose web on tcp 443 bind 127.0.0.1 { backend 127.0.0.1:8080 allow from any }\n' >edge.ingress
ingressc build edge.ingress -o /etc/ingressd/policy.wasm
chmod 644 /etc/ingressd/policy.wasm
echo '# changed by the administrator' >>/etc/ingressd/ingressd.toml
# As systemd does by the unit: its user, its one capability, its directories.
install -d -o ingressd -g ingressd -m 0700 /run/ingressd /var/lib/ingressd
install -d -o ingressd -g ingressd -m 0750 /var/log/ingressd
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/ingressd.service)
start() {
  # shellcheck disable=SC2086
  setpriv --reuid ingressd --regid ingressd --clear-groups --inh-caps=-all,+net_bind_service --ambient-caps=-all,+net_bind_service $command >log 2>&1 &
  gateway=$!
  for _ in $(seq 600); do grep -q 'ingressd: ready' log && return 0; kill -0 "$gateway" 2>/dev/null || break; sleep 0.1; done
  cat log; return 1
}
start
grep koffi log && exit 1
echo started
kill -TERM "$gateway"; wait "$gateway" || true
dpkg -i --force-depends next.deb
grep -q 'changed by the administrator' /etc/ingressd/ingressd.toml && echo kept
dpkg-query -W -f '${Version}\n' ingressd
start
echo started again
kill -TERM "$gateway"; wait "$gateway" || true
logrotate --debug /etc/logrotate.d/ingressd 2>&1 | grep -q audit.jsonl && echo rotates
# The programs say which Node they need.
mv /opt/node/node /opt/node/other
printf '#!/bin/sh\necho v18.19.0\n' >/opt/node/node; chmod 755 /opt/node/node
ingressd --version 2>&1 || true
rm /opt/node/node
PATH=/opt/node:/opt/none /bin/sh /usr/lib/ingressd/ingressd.mjs --version 2>&1 || true
dpkg --purge ingressd
for path in /etc/ingressd /usr/lib/ingressd /var/lib/ingressd /var/log/ingressd /usr/bin/ingressd /usr/lib/systemd/system/ingressd.service; do
  [ ! -e "$path" ] || { echo "left: $path"; exit 1; }
done
echo purged
INSIDE
chroot "$scratch/root" /bin/sh /opt/check/run.sh
