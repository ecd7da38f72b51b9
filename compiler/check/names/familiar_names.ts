// Names that other languages predefine and this one does not, with what to write here.
import { isBuiltin } from "./builtin_names.ts";

const NETS: Readonly<Record<string, string>> = {
  all: "any",
  everyone: "any",
  everybody: "any",
  anyone: "any",
  anybody: "any",
  world: "any",
  everywhere: "any",
  localhost: "loopback",
  rfc1918: "private",
  ipv4: "any4",
  ipv6: "any6",
};

/** The services that policies name most, with their ports (IANA). */
const PORTS: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  dns: 53,
  http: 80,
  pop3: 110,
  ntp: 123,
  imap: 143,
  imap2: 143,
  snmp: 161,
  ldap: 389,
  https: 443,
  smtps: 465,
  submissions: 465,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  mysql: 3306,
  rdp: 3389,
  "ms-wbt-server": 3389,
  postgresql: 5432,
  postgres: 5432,
  redis: 6379,
  "http-alt": 8080,
  "https-alt": 8443,
  memcached: 11211,
  mongodb: 27017,
};

/** The built-in net that is meant, or null. */
export function familiarNet(name: string): string | null {
  const word = name.toLowerCase();
  if (Object.hasOwn(NETS, word)) return NETS[word] ?? null;
  return isBuiltin(word) ? word : null;
}

/** The port of a service, or null. */
export function servicePort(name: string): number | null {
  const word = name.toLowerCase();
  return Object.hasOwn(PORTS, word) ? (PORTS[word] ?? null) : null;
}
