// Words with which nginx, HAProxy and nft begin a statement or a clause, and what they are about.
import type { ForeignTopic } from "../diagnostics/foreign_words.ts";

const TOPICS: Readonly<Record<string, ForeignTopic>> = {
  default: "default",
  policy: "default",
  include: "import",
  group: "set",
  acl: "set",
  geo: "set",
  map: "set",
  set: "set",
  define: "set",
  elements: "set",
  port: "ports",
  listen: "ports",
  server: "expose",
  frontend: "expose",
  stream: "expose",
  http: "expose",
  chain: "expose",
  table: "expose",
  service: "expose",
  defaults: "expose",
  global: "expose",
  upstream: "backend",
  proxy_pass: "backend",
  default_backend: "backend",
  use_backend: "backend",
  server_name: "names",
  ssl_preread: "names",
  location: "http",
  "http-request": "http",
  rewrite: "http",
  root: "http",
  ssl_certificate: "certificate",
  ssl_certificate_key: "certificate",
  ssl: "certificate",
  limit_req: "rate",
  limit_req_zone: "rate",
  "stick-table": "rate",
  limit_conn: "cap",
  limit_conn_zone: "cap",
  limit_req_dry_run: "dryrun",
  limit_conn_dry_run: "dryrun",
  maxconn: "cap",
  "tcp-request": "plain_rule",
  mode: "mode",
  accept: "allow",
  permit: "allow",
  drop: "deny",
  reject: "deny",
  block: "deny",
  refuse: "deny",
};

/** Null where no other language is known for the word. */
export function foreignKeyword(written: string): ForeignTopic | null {
  const word = written.toLowerCase();
  return Object.hasOwn(TOPICS, word) ? (TOPICS[word] ?? null) : null;
}

/** The word of this language that replaces it alone; null where more than a word is needed. */
export function sameWord(topic: ForeignTopic): "allow" | "deny" | null {
  return topic === "allow" || topic === "deny" ? topic : null;
}
