// A registry as clusters have it: Debian's docker-registry, and nginx before it, which ends TLS and wants a token.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { atEnd } from "../suite.ts";
import { listens, until } from "./gateways.ts";

export const REGISTRY_NAME = "registry.example";
export const TOKEN = "registry-token-of-the-nodes";
const [PLAIN, SECURE] = ["127.0.0.1:5000", "127.0.0.2:443"];

interface Registry {
  /** Also a backend on 127.0.0.1:18080, which says `served`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function registry(folder: string, shown: { readonly pem: string; readonly key: string }): Registry {
  mkdirSync(join(folder, "nginx"));
  const at = (name: string, text: string, mode = 0o644): string => {
    writeFileSync(join(folder, name), text, { mode });
    return join(folder, name);
  };
  const [cert, key] = [at("registry.pem", shown.pem), at("registry.key", shown.key, 0o600)];
  const config = at(
    "registry.yml",
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(folder, "storage")}}}\nhttp: {addr: "${PLAIN}"}\n`,
  );
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${join(folder, "nginx")};`).join(" ");
  const nginx = at(
    "nginx.conf",
    `daemon off; user root; pid ${join(folder, "nginx.pid")}; error_log ${join(folder, "nginx.log")} error; events {}
http {
  access_log off; ${temporary}
  server {
    listen ${SECURE} ssl; server_name ${REGISTRY_NAME}; ssl_certificate ${cert}; ssl_certificate_key ${key};
    location / {
      if ($http_authorization != "Bearer ${TOKEN}") { return 401; }
      proxy_pass http://${PLAIN}; proxy_set_header Host $host;
    }
  }
}
`,
  );
  let running: ChildProcess[] = [];
  return {
    async start() {
      const begin = (command: string, words: readonly string[]): ChildProcess => {
        const child = spawn(command, words, { stdio: "ignore" });
        // Not killed, because nginx would not end its workers then.
        atEnd(() => child.kill("SIGTERM"));
        return child;
      };
      running = [begin("docker-registry", ["serve", config]), begin("nginx", ["-p", folder, "-c", nginx])];
      for (const place of [PLAIN, SECURE]) await until(`${place} listens`, () => listens(place));
      const backend = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.end("served");
      });
      await new Promise<void>((resolve) => {
        backend.listen(18_080, "127.0.0.1", () => resolve());
      });
      atEnd(() => backend.close());
    },
    async stop() {
      const ended = running.map((child) => once(child, "close"));
      for (const child of running) child.kill("SIGTERM");
      await Promise.all(ended);
    },
  };
}
