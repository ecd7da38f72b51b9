// `ingressc init` on a machine with nginx, sshd, Redis and PostgreSQL, in namespaces of their own: each is found, sshd stays where it is, and
// the policy passes its tests. Then nginx, Redis and PostgreSQL move as
// the comments say, and ingressd serves them at their old ports.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { notInstalled, postgresFolder } from "../installed.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { program } from "../ready.ts";

const test = suite("init");
const ISOLATED = ["--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"];
const bin = postgresFolder() ?? "";

/** Arguments: the folder, PostgreSQL's programs, Node, ingressc, ingressd. */
const SCRIPT = `
mount -t tmpfs tmpfs /run; mkdir /run/sshd
ip link set lo up; ip addr add 10.9.0.1/32 dev lo; ip addr add 10.9.0.2/32 dev lo
PATH=$PATH:/usr/sbin
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
listening() { for i in $(seq 600); do ss -Hltn "sport = :$1" | grep -q . && return; sleep 0.01; done; echo "nothing listens on $1" >&2; exit 1; }
as_nobody "$2/initdb" -D "$1/data" -A trust -U postgres --no-sync >/dev/null
as_nobody "$2/postgres" -D "$1/data" -c port=5432 -c listen_addresses='*' -c unix_socket_directories="$1/data" -c fsync=off >/dev/null 2>&1 &
ssh-keygen -q -t ed25519 -N '' -f "$1/host_key"
/usr/sbin/sshd -D -e -p 22 -h "$1/host_key" -o PidFile=none >/dev/null 2>&1 &
redis-server --bind 10.9.0.2 --port 6379 --protected-mode no --save '' --dir "$1" >/dev/null & redis=$!
nginx -p "$1" -c nginx.conf & nginx=$!
"$3" -e 'require("dgram").createSocket("udp4").bind(514, "0.0.0.0")' & node=$!
for port in 5432 22 6379 80; do listening $port; done
cd "$1"
"$3" $4 init -o host.ingress
"$3" $4 test host.ingress
"$3" $4 build host.ingress
"$3" $4 init -o host.ingress && exit 9
kill $nginx $redis $node; kill -INT $(head -n 1 data/postmaster.pid); wait $nginx $redis $node || true
while [ -e data/postmaster.pid ]; do sleep 0.05; done
moved=$(sed -n 's/^# nginx: write .listen 127.0.0.1:\\([0-9]*\\);. .*/\\1/p' host.ingress)
sed "s/listen 80;/listen 127.0.0.1:$moved;/; /listen \\[::\\]:80;/d" nginx.conf >moved.conf
nginx -p "$1" -c moved.conf &
redis-server $(sed -n 's/^# redis.conf: .\\(bind [0-9.]*\\). and .\\(port [0-9]*\\).*/--\\1 --\\2/p' host.ingress) --save '' --dir "$1" >/dev/null &
as_nobody "$2/postgres" -D "$1/data" $(sed -n "s/^# postgresql.conf: .listen_addresses = '\\([0-9.]*\\)'. and .port = \\([0-9]*\\).*/-c listen_addresses=\\1 -c port=\\2/p" host.ingress) -c unix_socket_directories="$1/data" -c fsync=off >/dev/null 2>&1 &
listening $moved; listening 26379; listening 25432
"$3" $5 --policy host.wasm >ingressd.log 2>&1 &
listening 80; listening 6379; listening 5432
curl -s --max-time 20 http://10.9.0.1/ >page
as_nobody "$2/psql" -h 10.9.0.1 -p 5432 -U postgres -Atc 'select 40 + 2' | cat >sum
printf 'PING\\r\\nQUIT\\r\\n' | nc -w 20 10.9.0.2 6379 >pong
`;

const NGINX = `daemon off; master_process off; pid pid; error_log stderr; events {}
http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
server {
listen 80;
listen [::]:80;
location / { return 200 "the page"; }
} }
`;

function lacks(): string | null {
  if (process.getuid?.() !== 0) return "needs root";
  const absent = notInstalled(["nginx", "redis-server", "sshd", "ssh-keygen", "curl", "nc", "ss", "setpriv", "unshare", "postgresql"]);
  if (absent.length > 0) return `${absent.join(", ")} is missing`;
  const tried = spawnSync("unshare", [...ISOLATED, "true"], { encoding: "utf8" });
  return tried.status === 0 ? null : `namespaces can't be made: ${tried.stderr.trim()}`;
}

const missing = lacks();
if (missing !== null) skip("init", missing);
else
  test("nginx, sshd, Redis and PostgreSQL are found, and the services that move are served at their old ports", () => {
    stallsAfter(180_000);
    const folder = ownFolder("init-");
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "data"));
    chownSync(join(folder, "data"), 65_534, 65_534);
    writeFileSync(join(folder, "nginx.conf"), NGINX);
    const [ingressc, ingressd] = [program("compiler/cli/ingressc.mjs").join(" "), program("gateway/ingressd.mjs").join(" ")];
    const ran = spawnSync("unshare", [...ISOLATED, "sh", "-ec", SCRIPT, "sh", folder, bin, process.execPath, ingressc, ingressd], {
      cwd: folder,
      encoding: "utf8",
      timeout: 110_000,
    });
    const text = existsSync(join(folder, "host.ingress")) ? readFileSync(join(folder, "host.ingress"), "utf8") : "";
    const log = existsSync(join(folder, "ingressd.log")) ? readFileSync(join(folder, "ingressd.log"), "utf8") : "";
    assert.is(ran.status, 0, `${ran.stdout}${ran.stderr}${text}${log}`);
    for (const part of [
      /^# sshd on tcp 22 \(0\.0\.0\.0:22 and \[::\]:22\) is never moved: /m,
      /^# nginx listens on 0\.0\.0\.0:80 and \[::\]:80\n# nginx: write `listen 127\.0\.0\.1:20080;` in place of `listen 80;` and `listen \[::\]:80;`\n@owner "root"\nexpose nginx on tcp 80 \{\n {2}backend 127\.0\.0\.1:20080\n {2}@why "found listening"\n {2}allow from any\n\}$/m,
      /^# redis\.conf: `bind 127\.0\.0\.1` and `port 26379`\n@owner "root"\nexpose redis_server on tcp 6379 bind 10\.9\.0\.2 \{\n {2}backend 127\.0\.0\.1:26379\n {2}@why "found listening"\n {2}allow from any4\n\}$/m,
      /^# postgresql\.conf: `listen_addresses = '127\.0\.0\.1'` and `port = 25432`\n@owner "nobody"\nexpose postgres on tcp 5432 \{\n {2}backend 127\.0\.0\.1:25432\n/m,
      /^expose node on udp 514 \{\n {2}backend 127\.0\.0\.1:20514\n {2}amplify any\n/m,
      /^ {2}from 203\.0\.113\.9 to tcp 22 +=> deny policy$/m,
    ])
      assert.match(text, part);
    assert.not.match(text, /^expose .* 22\b/m);
    assert.match(ran.stdout, "4 listeners found, and 1 that is not moved");
    assert.match(ran.stderr, "`host.ingress` is there already");
    assert.is(readFileSync(join(folder, "page"), "utf8"), "the page");
    assert.is(readFileSync(join(folder, "pong"), "utf8"), "+PONG\r\n+OK\r\n");
    assert.is(readFileSync(join(folder, "sum"), "utf8"), "42\n");
  });
test.run();
