// A pod as a kubelet and its runtime make it, as far as a program in it can see: volumes with their owners and modes, users and
// capabilities, and the probes. The containers are real ones of runc, on the network of the calling process (`hostNetwork`).
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { ImageConfig } from "../package/image_layout.ts";
import { must } from "../package/packed.ts";
import { atEnd } from "../suite.ts";

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

export interface Probe {
  readonly httpGet: { readonly host: string; readonly port: number; readonly path: string };
  readonly timeoutSeconds?: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly securityContext: SecurityContext;
  readonly resources: { readonly requests: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

interface Volume {
  readonly name: string;
  readonly projected?: {
    readonly defaultMode: number;
    readonly sources: readonly { readonly configMap?: { readonly name: string }; readonly secret?: { readonly name: string } }[];
  };
  readonly hostPath?: { readonly path: string };
  readonly emptyDir?: object;
}

export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly securityContext: SecurityContext;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/** Files of ConfigMaps and Secrets, by their names. */
export type Objects = ReadonlyMap<string, Readonly<Record<string, string>>>;

interface PodSetup {
  readonly spec: PodSpec;
  readonly objects: Objects;
  readonly image: ImageConfig;
  readonly rootfs: string;
  /** Of this pod. */
  readonly folder: string;
  /** In the place of the node's root, for hostPath volumes; outlives the pod. */
  readonly node: string;
  /** Mounted over files of the image. */
  readonly files: Readonly<Record<string, string>>;
}

const DIGITS = "..2026_01_01_00_00_00.";

export class Pod {
  readonly #setup: PodSetup;
  readonly #id: string;
  readonly #group: number;
  #versions = 0;
  #child: ChildProcess | null = null;
  /** Standard output and standard error of the container. */
  out = "";
  err = "";

  constructor(setup: PodSetup) {
    this.#setup = setup;
    this.#id = `pod-${process.pid}-${Math.random().toString(36).slice(2)}`;
    this.#group = setup.spec.securityContext.fsGroup ?? 0;
    mkdirSync(setup.folder, { mode: 0o755 });
    for (const volume of setup.spec.volumes) this.#make(volume);
  }

  /** The init containers one after the other, and then the first container. */
  start(): void {
    const { spec } = this.#setup;
    for (const container of spec.initContainers) {
      const bundle = this.#bundle(container);
      const { status, stdout, stderr } = spawnSync("runc", ["--root", this.#state(), "run", "--bundle", bundle, `${this.#id}-${container.name}`], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`the init container ${container.name} ended with ${String(status)}: ${stdout}${stderr}`);
    }
    const [container] = spec.containers;
    if (container === undefined) throw new Error("the pod has no container");
    const child = spawn("runc", ["--root", this.#state(), "run", "--bundle", this.#bundle(container), this.#id], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (part: string) => (this.out += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (this.err += part));
    atEnd(() => must("runc", ["--root", this.#state(), "delete", "--force", this.#id]));
  }

  /** As the kubelet ends it. Returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child === null || this.#child.exitCode !== null) return this.#child?.exitCode ?? null;
    const ended = once(this.#child, "exit");
    must("runc", ["--root", this.#state(), "kill", this.#id, "TERM"]);
    const [code] = (await ended) as [number | null];
    return code;
  }

  get ended(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** A program in the container; its standard output. */
  exec(...words: readonly string[]): string {
    return must("runc", ["--root", this.#state(), "exec", this.#id, ...words]).trim();
  }

  /** Process number of the container's first process, on this host. */
  get pid(): number {
    const state = JSON.parse(must("runc", ["--root", this.#state(), "state", this.#id])) as { readonly pid: number };
    return state.pid;
  }

  /** Puts changed objects in place as the kubelet does: a new folder, and one rename of the link to it. */
  update(objects: Objects): void {
    for (const volume of this.#setup.spec.volumes) if (volume.projected !== undefined) this.#project(volume.name, volume.projected, objects);
  }

  #state(): string {
    return join(this.#setup.folder, "runc");
  }

  #volume(name: string): string {
    const volume = this.#setup.spec.volumes.find((one) => one.name === name);
    if (volume === undefined) throw new Error(`there is no volume ${name}`);
    return volume.hostPath === undefined ? join(this.#setup.folder, "volumes", name) : join(this.#setup.node, volume.hostPath.path);
  }

  #make(volume: Volume): void {
    const path = this.#volume(volume.name);
    if (existsSync(path)) return;
    mkdirSync(path, { recursive: true });
    // A folder that the kubelet makes on the node; a volume that fsGroup is for; a tmpfs of one.
    if (volume.hostPath !== undefined) return chmodSync(path, 0o755);
    chownSync(path, 0, this.#group);
    if (volume.projected === undefined) return chmodSync(path, 0o3777);
    chmodSync(path, 0o3777);
    this.#project(volume.name, volume.projected, this.#setup.objects);
  }

  #project(name: string, { defaultMode, sources }: NonNullable<Volume["projected"]>, objects: Objects): void {
    const path = this.#volume(name);
    const own = `${DIGITS}${this.#versions++}`;
    mkdirSync(join(path, own));
    for (const { configMap, secret } of sources) {
      const object = configMap?.name ?? secret?.name ?? "";
      const files = objects.get(object);
      if (files === undefined) throw new Error(`there is no object ${object}`);
      for (const [file, text] of Object.entries(files)) {
        writeFileSync(join(path, own, file), text);
        chmodSync(join(path, own, file), defaultMode | (this.#group === 0 ? 0 : 0o440));
        chownSync(join(path, own, file), 0, this.#group);
        if (!existsSync(join(path, file))) symlinkSync(join("..data", file), join(path, file));
      }
    }
    chownSync(join(path, own), 0, this.#group);
    chmodSync(join(path, own), 0o2755);
    symlinkSync(own, join(path, "..data_tmp"));
    renameSync(join(path, "..data_tmp"), join(path, "..data"));
  }

  #bundle(container: Container): string {
    const { spec, image, rootfs, folder, files } = this.#setup;
    const bundle = join(folder, "bundles", container.name);
    rmSync(bundle, { recursive: true, force: true });
    mkdirSync(bundle, { recursive: true });
    must("runc", ["spec", "--bundle", bundle]);
    const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
      process: object;
      root: object;
      mounts: object[];
      linux: { namespaces: { type: string }[]; resources?: object };
    };
    const security = { ...spec.securityContext, ...container.securityContext };
    const [uid = 0, gid = 0] = image.config.User.split(":").map(Number);
    const user = { uid: security.runAsUser ?? uid, gid: security.runAsGroup ?? gid, additionalGids: [this.#group] };
    if (security.runAsNonRoot === true && user.uid === 0) throw new Error(`container has runAsNonRoot and would run as root: ${container.name}`);
    if (security.capabilities?.drop?.includes("ALL") !== true) throw new Error(`${container.name} keeps the capabilities of its runtime`);
    const added = (security.capabilities.add ?? []).map((name) => `CAP_${name}`);
    Object.assign(config.process, {
      terminal: false,
      user,
      env: [...image.config.Env, ...(container.env ?? []).map(({ name, value }) => `${name}=${value}`)],
      cwd: "/",
      args:
        container.command === undefined ?
          [...image.config.Entrypoint, ...(container.args ?? image.config.Cmd)]
        : [...container.command, ...(container.args ?? [])],
      noNewPrivileges: security.allowPrivilegeEscalation === false,
      // As containerd has them: no ambient ones, so that a user other than root has none behind the start of a program.
      capabilities: { bounding: added, effective: added, permitted: added },
      rlimits: [],
    });
    Object.assign(config.root, { path: rootfs, readonly: security.readOnlyRootFilesystem === true });
    for (const { name, mountPath, readOnly } of container.volumeMounts)
      config.mounts.push({ destination: mountPath, type: "bind", source: this.#volume(name), options: ["rbind", readOnly === true ? "ro" : "rw"] });
    for (const [destination, source] of Object.entries(files)) config.mounts.push({ destination, type: "bind", source, options: ["rbind", "ro"] });
    if (spec.hostNetwork === true) config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
    delete config.linux.resources;
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    return bundle;
  }
}

/** Whether a probe succeeds, and its body. */
export function probed({ httpGet: { host, port, path }, timeoutSeconds = 1 }: Probe): Promise<{ readonly isGood: boolean; readonly text: string }> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, timeout: timeoutSeconds * 1000, headers: { "user-agent": "kube-probe/1.37", connection: "close" } }, (response) => {
      let text = "";
      const { statusCode: status = 0 } = response;
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ isGood: status >= 200 && status < 400, text }));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", (error) => resolve({ isGood: false, text: error.message }));
  });
}

/** The answer that a client of a port of this host gets. */
export function connects(port: number): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect({ host: "10.0.0.5", port });
    socket.on("data", (part: Buffer) => (got += part.toString()));
    socket.once("error", () => resolve("refused"));
    socket.once("close", () => resolve(got === "" ? "refused" : got));
  });
}

/** A copy of a folder with manifests, with files beside them, as `kubectl apply -k` would write it. */
export function kustomized(
  from: string,
  to: string,
  files: Readonly<Record<string, string>>,
  edit: (text: string) => string,
  build: readonly string[],
): string {
  cpSync(from, to, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(to, name), text);
  const path = join(to, "kustomization.yaml");
  writeFileSync(path, edit(readFileSync(path, "utf8")));
  const [program = "", ...words] = build;
  return must(program, [...words, to]);
}
