// Words with which nginx, HAProxy and nft begin a statement or a clause, and the form that this language has.

interface Said {
  readonly help: string;
  /** The word that stands for it, where one does. */
  readonly instead: string | null;
}

const FIRST_LINE = "write the ports in the first line of an expose: `expose NAME on tcp 443 { … }`";
const NAMES = 'write `as passthrough` in the first line, and `allow from any sni "www.example.com"`';
const HTTP = "what HTTP says (paths, headers, methods) stays with the web server behind";
const CERT = 'write `as tls` in the first line and `cert "NAME"`: the gateway\'s configuration says where the certificate lies';
const SET = "a set of addresses is `net NAME = …`, of ports `ports NAME = …`";
const RATE = "new connections are bounded by `limit 10/s burst 20 per source`";
const CAP = "open connections are bounded by `cap 4000 connections, 20 per source`";
const EXPOSE = "a listener is `expose NAME on tcp 443 { backend 127.0.0.1:8080 allow from … }`";
const BACKEND = "write one backend in each expose: `backend 127.0.0.1:8080`";
const LISTS = 'a policy file is read with `import "PATH" as NAME`, a list of addresses with `net NAME = file "PATH" max N`';
const NOTHING = "nothing is needed: what no `allow` admits is denied";

const HELP: Readonly<Record<string, string>> = {
  default: NOTHING,
  policy: NOTHING,
  include: LISTS,
  group: SET,
  acl: SET,
  geo: SET,
  map: SET,
  set: SET,
  define: SET,
  elements: SET,
  port: FIRST_LINE,
  listen: FIRST_LINE,
  server: EXPOSE,
  frontend: EXPOSE,
  stream: EXPOSE,
  http: EXPOSE,
  chain: EXPOSE,
  table: EXPOSE,
  service: EXPOSE,
  defaults: EXPOSE,
  global: EXPOSE,
  upstream: BACKEND,
  proxy_pass: BACKEND,
  default_backend: BACKEND,
  use_backend: BACKEND,
  server_name: NAMES,
  ssl_preread: NAMES,
  location: HTTP,
  "http-request": HTTP,
  rewrite: HTTP,
  root: HTTP,
  ssl_certificate: CERT,
  ssl_certificate_key: CERT,
  ssl: CERT,
  limit_req: RATE,
  limit_req_zone: RATE,
  "stick-table": RATE,
  limit_conn: CAP,
  limit_conn_zone: CAP,
  maxconn: CAP,
  "tcp-request": "write the rule alone: `allow from NET`, `deny from NET`",
  mode: "write the mode in the first line of an expose: `expose NAME on tcp 443 as passthrough { … }`",
};

const WORDS: Readonly<Record<string, "allow" | "deny">> = { accept: "allow", permit: "allow", drop: "deny", reject: "deny", block: "deny", refuse: "deny" };

/** Null where no other language is known for the word. */
export function foreignKeyword(written: string): Said | null {
  const word = written.toLowerCase();
  const rule = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (rule !== undefined) return { help: `the word is \`${rule}\``, instead: rule };
  const help = Object.hasOwn(HELP, word) ? HELP[word] : undefined;
  return help === undefined ? null : { help, instead: null };
}
