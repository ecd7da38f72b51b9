// docs/deploy/kubernetes: its manifests by the schemas of the wheel kubernetes-validate, and its pod as a kubelet makes it, with the real
// image under runc, the ConfigMap's configuration, and a real registry behind nginx with TLS and a token. No cluster runs here.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { unpackImage, type ImageConfig } from "../package/image_layout.ts";
import { must, PROJECT } from "../package/packed.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { kustomizer } from "./kustomize.ts";
import { registry, REGISTRY_NAME, TOKEN } from "./kubernetes_registry.ts";
import { installValidator, MODULES } from "./kubernetes_validator.ts";
import { connects, kustomized, Pod, probed, type Container, type Objects, type PodSpec, type Probe } from "./pod.ts";
import { until } from "./gateways.ts";

const test = suite("DaemonSet");
const MANIFESTS = join(PROJECT, "docs/deploy/kubernetes");
const VALIDATE = "import sys, yaml, kubernetes_validate as k\nfor d in yaml.safe_load_all(open(sys.argv[1])): k.validate(d, k.latest_version(), strict=True)";
const USER = 65532;
const [PORT, LOW] = [8443, 444];
const METRICS_TOKEN = "0123456789abcdef0123456789abcdef";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template: { readonly spec: PodSpec } };
}

const why =
  process.getuid?.() !== 0 ? "not root"
  : spawnSync("ip", ["addr", "add", "10.0.0.5/32", "dev", "lo"]).status !== 0 ? "no network of one's own (ip, --own-network)"
  : (["runc", "docker-registry", "nginx"].find((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0) ??
    installValidator() ??
    kustomizer().missing);

function rendered(folder: string, key: string, component: boolean): { readonly text: string; readonly manifests: readonly Manifest[] } {
  const edit = (text: string): string => {
    if (!component) return text;
    const edited = text.replace("# components:\n#   - low_ports", "components:\n  - low_ports");
    assert.not.equal(edited, text);
    return edited;
  };
  const text = kustomized(MANIFESTS, join(folder, component ? "low" : "plain"), { "release.pub": key }, edit, kustomizer().build);
  return { text, manifests: parseAllDocuments(text).map((document) => document.toJS() as Manifest) };
}

const podOf = (manifests: readonly Manifest[]): PodSpec => {
  const spec = manifests.find(({ kind }) => kind === "DaemonSet")?.spec?.template.spec;
  if (spec === undefined) throw new Error("no DaemonSet");
  return spec;
};
const mainOf = ({ containers }: PodSpec): Container => {
  const [main] = containers;
  if (main === undefined) throw new Error("no container");
  return main;
};

/** `256Mi` in bytes. */
function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)(Ki|Mi|Gi)$/.exec(quantity) ?? [];
  if (number === undefined) throw new Error(`${quantity} is no quantity of memory`);
  return Number(number) * 1024 ** (["Ki", "Mi", "Gi"].indexOf(unit ?? "") + 1);
}

if (typeof why === "string") skip("DaemonSet", why);
else {
  const shared = ownFolder("daemonset-");
  const rootfs = join(shared, "rootfs");
  const ca = authority("the nodes' authority");
  const shown = leaf(ca, { use: "server", names: [dns(REGISTRY_NAME)] });
  let image: ImageConfig;
  const ingressc = (...words: readonly string[]): string => must(process.execPath, [...program("compiler/cli/ingressc.mjs"), ...words], { cwd: shared });
  /** Publishes a policy that opens a port for everybody. */
  const publish = (port: number, revision: number, push = true): void => {
    writeFileSync(join(shared, "edge.ingress"), `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:18080 allow from any }\n`);
    ingressc("build", "edge.ingress");
    ingressc("sign", "edge.wasm", "--key", "release.key", "--revision", String(revision), "-o", "signed.wasm");
    if (push) ingressc("push", "signed.wasm", "oci://127.0.0.1:5000/policies/edge:stable", "--policy", "edge.ingress");
  };
  const key = (): string => readFileSync(join(shared, "release.pub"), "utf8");
  const files = (): Readonly<Record<string, string>> => ({ "/etc/hosts": join(shared, "hosts"), "/etc/ssl/certs/ca-certificates.crt": join(shared, "ca.pem") });
  const objectsOf = (manifests: readonly Manifest[], token = TOKEN): Objects => {
    const configMap = manifests.find(({ kind }) => kind === "ConfigMap");
    if (configMap?.data === undefined) throw new Error("no ConfigMap");
    return new Map([
      [configMap.metadata.name, configMap.data],
      ["ingressd-tokens", { "registry.token": `${token}\n`, "metrics.token": `${METRICS_TOKEN}\n` }],
    ]);
  };
  const podIn = (folder: string, spec: PodSpec, objects: Objects, name = "pod"): Pod =>
    new Pod({ spec, objects, image, rootfs, folder: join(folder, name), node: join(folder, "node"), files: files() });
  /** Until a probe of the manifest succeeds; its answer. */
  const good = async (pod: Pod, what: string, probe: Probe | undefined): Promise<string> => {
    if (probe === undefined) throw new Error(`no ${what} probe`);
    let last = "";
    await until(`${what} probe: ${pod.err}`, async () => {
      if (pod.ended !== null) throw new Error(`the container ended with ${pod.ended}: ${pod.err}`);
      const { isGood, text } = await probed(probe);
      last = text;
      return isGood;
    });
    return last;
  };
  const ready = async (pod: Pod, spec: PodSpec): Promise<string> => {
    const { startupProbe, livenessProbe, readinessProbe } = mainOf(spec);
    await good(pod, "startup", startupProbe);
    await good(pod, "liveness", livenessProbe);
    return good(pod, "readiness", readinessProbe);
  };

  test.before(() => {
    ingressc("keygen", "release");
    writeFileSync(join(shared, "ca.pem"), ca.pem);
    writeFileSync(join(shared, "hosts"), `127.0.0.1 localhost\n127.0.0.2 ${REGISTRY_NAME}\n`);
    image = unpackImage(join(shared, "layout"), rootfs);
  });

  test("the manifests are valid, of this release, and give no more rights than they say", () => {
    const folder = ownFolder();
    const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { readonly version: string };
    for (const isLow of [false, true]) {
      const { text, manifests } = rendered(folder, key(), isLow);
      writeFileSync(join(folder, "all.yaml"), text);
      const validate = (script: string): number | null =>
        spawnSync("python3", ["-c", script, join(folder, "all.yaml")], { stdio: "inherit", env: { ...process.env, PYTHONPATH: MODULES } }).status;
      assert.is(validate(VALIDATE), 0);
      assert.equal(
        manifests.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace ?? null]),
        [
          ["Namespace", "ingressd", null],
          ["ConfigMap", "ingressd", "ingressd"],
          ["DaemonSet", "ingressd", "ingressd"],
        ],
      );
      const spec = podOf(manifests);
      for (const { image: name, securityContext } of [...spec.initContainers, ...spec.containers]) {
        assert.is(name, `registry.example/ingressd:${version}`);
        assert.equal([securityContext.readOnlyRootFilesystem, securityContext.allowPrivilegeEscalation], [true, false]);
        assert.equal(securityContext.capabilities?.drop, ["ALL"]);
      }
      assert.equal(mainOf(spec).securityContext.capabilities?.add, isLow ? ["NET_BIND_SERVICE"] : undefined);
      assert.equal([spec.securityContext.runAsNonRoot, spec.securityContext.runAsUser], isLow ? [false, 0] : [true, USER]);
      assert.equal([spec.hostNetwork, spec.automountServiceAccountToken, spec.enableServiceLinks], [true, false, false]);
      // The schemas notice a mistake.
      writeFileSync(join(folder, "all.yaml"), text.replace("hostNetwork: true", "hostNetworks: true"));
      assert.is(spawnSync("python3", ["-c", VALIDATE, join(folder, "all.yaml")], { env: { ...process.env, PYTHONPATH: MODULES } }).status, 1);
    }
  });

  test("a pod pulls its policy, serves it, answers the probes, and needs no rights", async () => {
    stallsAfter(60_000);
    const folder = ownFolder();
    const place = registry(folder, shown);
    await place.start();
    publish(PORT, 1);
    const { manifests } = rendered(folder, key(), false);
    const spec = podOf(manifests);
    const main = mainOf(spec);
    const pod = podIn(folder, spec, objectsOf(manifests));
    pod.start();
    const said = await ready(pod, spec);
    assert.match(said, /^ready\nthe policy in force was last offered \d+ s ago/, said + pod.err);
    assert.is(await connects(PORT), "served");
    const status = readFileSync(`/proc/${pod.pid}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s+${USER}\\s+${USER}$`, "m"));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(status, new RegExp(`^${set}:\\s+0{16}$`, "m"));
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    console.log(`  resident: ${Math.round(resident / 2 ** 20)} MiB`);
    assert.ok(resident < bytesOf(main.resources.requests.memory));
    const write = (path: string): string => `try { require("fs").writeFileSync("${path}", ""); } catch (error) { console.log(error.code); }`;
    assert.is(pod.exec("/usr/bin/node", "-e", write("/written")), "EROFS");
    assert.is(pod.exec("/usr/bin/node", "-e", write("/etc/ingressd/ingressd.toml")), "EROFS");
    const state = join(folder, "node/var/lib/ingressd-daemonset");
    const { uid, mode } = statSync(state);
    assert.equal([uid, mode & 0o7777], [USER, 0o700]);
    assert.ok(existsSync(join(state, "last_good.wasm")) && existsSync(join(state, "revision.mark")));
    await until("the audit record", () => pod.out.includes('"listener":"web"'));
    const words = ["/usr/bin/node", "/usr/lib/ingressd/ingressd.mjs", "status", "--control", "/run/ingressd/control/control.sock"];
    assert.match(pod.exec(...words), /^source +oci:\/\/registry\.example\/policies\/edge:stable: the policy in force was last offered/m);

    // A changed ConfigMap is a reload, and so is a new policy; no pod is started for them.
    const objects = objectsOf(manifests);
    const changed = new Map([
      ...objects,
      ["ingressd", { ...objects.get("ingressd"), "ingressd.toml": (objects.get("ingressd")?.["ingressd.toml"] ?? "").replace("60000", "1000") }],
    ]);
    pod.update(changed);
    await until(`the configuration is read: ${pod.err}`, () => pod.err.includes("configuration generation 2: source.poll_ms"));
    publish(PORT + 1, 2);
    await until("the new policy", async () => (await connects(PORT + 1)) === "served");
    assert.is(await connects(PORT), "refused");
    assert.is(await pod.stop(), 0, pod.err);

    // Another pod on the node, while the registry is away: the last good policy.
    await place.stop();
    const next = podIn(folder, spec, objects, "next");
    next.start();
    await until("ready with the last good policy", async () =>
      /^ready\nthe policy in force was last offered \d+ s ago; the last pull failed: /.test(await ready(next, spec)),
    );
    assert.is(await connects(PORT + 1), "served");
    assert.is(await next.stop(), 0, next.err);
  });

  test("without a policy a pod lives, is not ready, and opens nothing; a Secret that others can read is refused", async () => {
    stallsAfter(60_000);
    const folder = ownFolder();
    const place = registry(folder, shown);
    await place.start();
    publish(PORT, 3);
    const { manifests } = rendered(folder, key(), false);
    const spec = podOf(manifests);
    const pod = podIn(folder, spec, objectsOf(manifests, "another-token"));
    pod.start();
    const { livenessProbe, readinessProbe } = mainOf(spec);
    await good(pod, "liveness", livenessProbe);
    await until("it says why", () => pod.err.includes("no policy is in force, so nothing is open"));
    assert.ok(readinessProbe);
    const { isGood, text } = await probed(readinessProbe);
    assert.equal([isGood, await connects(PORT)], [false, "refused"]);
    assert.match(text, /^no policy is in force: .*\(status 401\)/, text);
    await pod.stop();

    const open = structuredClone(spec) as { volumes: { name: string; projected?: { defaultMode: number } }[] } & PodSpec;
    for (const { projected } of open.volumes) if (projected !== undefined) projected.defaultMode = 0o444;
    const refused = podIn(folder, open, objectsOf(manifests), "open");
    refused.start();
    await until("it ends", () => refused.ended !== null);
    assert.match(refused.err, /metrics\.token.*is refused/);
  });

  test("a port below 1024: not by the capability alone, but with low_ports, and with a setting of the node", async () => {
    stallsAfter(60_000);
    const folder = ownFolder();
    const place = registry(folder, shown);
    await place.start();
    publish(LOW, 4);
    const { manifests } = rendered(folder, key(), false);
    const spec = podOf(manifests);
    const given: PodSpec = {
      ...spec,
      containers: spec.containers.map((one) => ({
        ...one,
        securityContext: { ...one.securityContext, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } },
      })),
    };
    const without = podIn(folder, given, objectsOf(manifests), "without");
    without.start();
    await until(`it is refused: ${without.err}`, () => without.err.includes("needs CAP_NET_BIND_SERVICE"));
    await until("it ends", () => without.ended !== null);
    assert.is(without.ended, 5);

    // As the same node later has it: the state belongs to the other user.
    const low = rendered(folder, key(), true);
    const root = podOf(low.manifests);
    const pod = podIn(folder, root, objectsOf(low.manifests), "root");
    pod.start();
    await ready(pod, root);
    assert.is(await connects(LOW), "served");
    const status = readFileSync(`/proc/${pod.pid}/status`, "utf8");
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) assert.match(status, new RegExp(`^${set}:\\s+0{13}400$`, "m"));
    assert.is(await pod.stop(), 0, pod.err);

    const setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    writeFileSync(setting, String(LOW));
    const allowed = podIn(folder, spec, objectsOf(manifests), "allowed");
    allowed.start();
    await ready(allowed, spec);
    assert.is(await connects(LOW), "served");
    assert.is(await allowed.stop(), 0, allowed.err);
    writeFileSync(setting, "1024");
  });
}
test.run();
