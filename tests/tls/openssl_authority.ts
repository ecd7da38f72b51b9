// Authorities that issue certificates and revocation lists with the openssl program, as an operator's do.
import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Issued } from "./certificates.ts";

export const HAS_OPENSSL = spawnSync("openssl", ["version"]).status === 0;

/** UTC, as openssl has it. */
const FROM = "20150101000000Z";
const UNTIL = "20491231235959Z";

export interface ListParts {
  readonly from?: string;
  readonly until?: string;
  /** Without it, the list does not say which key signed it. */
  readonly saysKey?: boolean;
}

export interface OpensslAuthority {
  /** PEM. */
  readonly pem: string;
  readonly path: string;
  /** A certificate for a DNS name; its chain up to the root, without it. */
  issue(name: string): Issued;
  /** An authority below this one. */
  below(name: string): OpensslAuthority;
  revoke(name: string): void;
  /** Writes its list, in PEM, with the next number. */
  list(path: string, parts?: ListParts): void;
  /** The number of its next list, in hexadecimal. */
  setNumber(number: string): void;
}

export function opensslAuthority(folder: string, name: string): OpensslAuthority {
  return made(folder, name, null);
}

function made(parentFolder: string, name: string, parent: { readonly folder: string; readonly chain: string } | null): OpensslAuthority {
  const folder = join(parentFolder, `ca-${name}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "1000\n");
  writeFileSync(join(folder, "crlnumber"), "01\n");
  writeFileSync(join(folder, "openssl.cnf"), configOf(folder));
  const openssl = (at: string, ...argv: readonly string[]): void =>
    void execFileSync("openssl", [...argv], { cwd: at, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, OPENSSL_CONF: join(at, "openssl.cnf") } });
  const request = (who: string, extensions: string): void =>
    openssl(
      folder,
      "req",
      "-new",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      `${who}.key`,
      "-out",
      `${who}.csr`,
      "-subj",
      `/CN=${who}`,
      ...(extensions === "" ? [] : ["-addext", extensions]),
    );
  const sign = (at: string, who: string, extensions: string, more: readonly string[] = []): void =>
    openssl(
      at,
      "ca",
      "-batch",
      "-notext",
      "-in",
      join(folder, `${who}.csr`),
      "-out",
      join(folder, `${who}.pem`),
      "-startdate",
      FROM,
      "-enddate",
      UNTIL,
      "-extensions",
      extensions,
      ...more,
    );
  request("ca", "");
  openssl(folder, "req", "-new", "-key", "ca.key", "-out", "ca.csr", "-subj", `/CN=${name}`);
  if (parent === null) sign(folder, "ca", "v3_ca", ["-selfsign", "-keyfile", "ca.key"]);
  else sign(parent.folder, "ca", "v3_ca");
  const pem = readFileSync(join(folder, "ca.pem"), "utf8");
  const chain = parent === null ? "" : pem + parent.chain;
  // Its own authority finds it there to revoke it.
  if (parent !== null) writeFileSync(join(parent.folder, `${name}.pem`), pem);
  return {
    pem,
    path: join(folder, "ca.pem"),
    issue(dns) {
      request(dns, `subjectAltName=DNS:${dns}`);
      sign(folder, dns, "v3_client");
      const own = readFileSync(join(folder, `${dns}.pem`), "utf8");
      return { pem: own + chain, der: new X509Certificate(own).raw, key: readFileSync(join(folder, `${dns}.key`), "utf8") };
    },
    below: (child) => made(folder, child, { folder, chain }),
    revoke: (who) => openssl(folder, "ca", "-revoke", `${who}.pem`),
    list: (path, { from, until, saysKey = false } = {}) =>
      openssl(
        folder,
        "ca",
        "-gencrl",
        "-out",
        path,
        ...(from === undefined ? [] : ["-crl_lastupdate", from]),
        "-crl_nextupdate",
        until ?? UNTIL,
        ...(saysKey ? ["-crlexts", "list"] : []),
      ),
    setNumber: (number) => writeFileSync(join(folder, "crlnumber"), `${number}\n`),
  };
}

function configOf(folder: string): string {
  return `[req]
distinguished_name = dn
[dn]
[ca]
default_ca = this
[this]
database = ${folder}/index.txt
serial = ${folder}/serial
crlnumber = ${folder}/crlnumber
new_certs_dir = ${folder}
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
default_days = 3650
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[list]
authorityKeyIdentifier = keyid
[v3_client]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = clientAuth
`;
}
