// Key files: PEM of PKCS#8 for the private key, of SubjectPublicKeyInfo for the public one. A
// private key that others can read is not used, and no file is ever overwritten.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PUBLIC_KEY_BYTES } from "../../runtime/abi/signature.ts";
import { kindOfKey, type KeyKind } from "../../runtime/host/key_kinds.ts";
import { parsePublicKey, trustedKey, type TrustedKey } from "../../runtime/host/keys.ts";
import { isCode, readRegular } from "./disk.ts";
import { usage, type Outcome } from "./outcome.ts";
import { cannotWrite, syncFolder } from "./write.ts";

const MOST_KEY_BYTES = 16 * 1024;
const OTHERS_READ = 0o077;

export interface SigningKey {
  readonly key: KeyObject;
  readonly public: TrustedKey;
}

export function isOutcome(x: SigningKey | TrustedKey | Outcome): x is Outcome {
  return "class" in x;
}

/** Writes a new pair; both files are on the disk when it returns. */
export async function writeKeyPair(privatePath: string, publicPath: string): Promise<TrustedKey | Outcome> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicOf(publicKey);
  if (isOutcome(key)) return key;
  const made: string[] = [];
  let now = privatePath;
  try {
    for (const [path, mode, text] of [
      [privatePath, 0o600, privateKey.export({ format: "pem", type: "pkcs8" })],
      [publicPath, 0o644, publicKey.export({ format: "pem", type: "spki" })],
    ] as const) {
      now = path;
      const file = await open(path, "wx", mode);
      made.push(path);
      try {
        await file.chmod(mode);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    await syncFolder(dirname(privatePath));
    return key;
  } catch (error) {
    // Half a pair is of no use, and would block the next try.
    for (const path of made) await rm(path, { force: true });
    if (isCode(error, "EEXIST")) return usage("key_exists", `\`${now}\` exists, and no key is ever overwritten`, "give the new pair another name");
    if (isCode(error, "ENOENT"))
      return usage("output_folder", `there is no folder \`${dirname(now)}\` to write \`${now}\` into`, `create it with \`mkdir -m 700 ${dirname(now)}\``);
    return cannotWrite(now, error, "nothing was written; choose another place");
  }
}

export function readPublicKey(path: string): TrustedKey | Outcome {
  const bytes = readRegular(path, MOST_KEY_BYTES);
  if (typeof bytes === "string") return unread(path, bytes, "the public key");
  const key = parsePublicKey(new TextDecoder().decode(bytes));
  return key.ok ? key.value : refusedKey(`\`${path}\` ${key.error}`, "name the `.pub` file that `ingressc keygen` wrote");
}

export function readPrivateKey(path: string): SigningKey | Outcome {
  let fd = -1;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return unread(path, stats.isDirectory() ? "folder" : "special", "the private key");
    const bytes = Buffer.alloc(MOST_KEY_BYTES + 1);
    const length = readSync(fd, bytes, 0, bytes.length, null);
    if (length > MOST_KEY_BYTES) return unread(path, "too_large", "the private key");
    const text = bytes.toString("utf8", 0, length);
    const kind = kindOfKey(text);
    // A file that is no private key may be readable by anybody.
    const instead = kind === null ? undefined : NO_PRIVATE_KEY[kind];
    if (instead !== undefined) return refusedKey(`\`${path}\` contains ${instead}, which can't sign`, "name the `.key` file that `ingressc keygen` wrote");
    if ((stats.mode & OTHERS_READ) !== 0) {
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      return refusedKey(
        `\`${path}\` has mode ${mode}: others can get at this private key`,
        `take the key out of use if they may have; else run \`chmod 600 ${path}\``,
      );
    }
    return parsePrivateKey(path, text, kind);
  } catch (error) {
    return unread(path, isCode(error, "ENOENT", "ENOTDIR", "ELOOP") ? "missing" : "unreadable", "the private key");
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

const NO_PRIVATE_KEY: Readonly<Partial<Record<KeyKind, string>>> = {
  public: "a public key",
  ssh_public: "a public key of OpenSSH",
  der_public: "a public key in DER",
  certificate: "a certificate",
};

function parsePrivateKey(path: string, text: string, kind: KeyKind | null): SigningKey | Outcome {
  if (kind === "encrypted") {
    return {
      class: "unsupported",
      code: "policy.key_encrypted",
      message: `\`${path}\` is protected by a passphrase, which ingressc can't read`,
      help: "write it without one, in mode 0600 and on a disk that is encrypted: `openssl pkey -in KEY -out PLAIN`",
    };
  }
  if (kind === "ssh_private")
    return refusedKey(`\`${path}\` contains a key of OpenSSH, and ingressc reads PKCS#8 in PEM`, "make a pair for policies with `ingressc keygen`");
  if (kind === "der_private")
    return refusedKey(
      `\`${path}\` contains a private key in DER, and ingressc reads PEM`,
      `write it as PEM, in mode 0600: \`openssl pkey -inform DER -in ${path} -out KEY\``,
    );
  if (kind === "raw")
    return refusedKey(`\`${path}\` contains only the bytes of a key, and ingressc reads PEM`, "name the `.key` file that `ingressc keygen` wrote");
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    return refusedKey(`\`${path}\` is not a private key in PEM`, "name the `.key` file that `ingressc keygen` wrote");
  }
  const trusted = publicOf(createPublicKey(key));
  return isOutcome(trusted) ? { ...trusted, message: `\`${path}\` ${trusted.message}` } : { key, public: trusted };
}

function publicOf(key: KeyObject): TrustedKey | Outcome {
  if (key.asymmetricKeyType !== "ed25519")
    return refusedKey(`contains a key of type ${key.asymmetricKeyType ?? "unknown"}`, "policies are signed with Ed25519: make a pair with `ingressc keygen`");
  const made = trustedKey(new Uint8Array(key.export({ format: "der", type: "spki" })).subarray(-PUBLIC_KEY_BYTES));
  return made.ok ? made.value : refusedKey(made.error, "make a new pair with `ingressc keygen`");
}

function refusedKey(message: string, help: string): Outcome {
  return { class: "reject", code: "policy.key_refused", message, help };
}

function unread(path: string, why: Exclude<ReturnType<typeof readRegular>, Uint8Array>, what: string): Outcome {
  const name = `\`${path}\``;
  switch (why) {
    case "missing":
      return usage("missing_file", `there is no file ${name}`, `check the path of ${what}`);
    case "folder":
    case "special":
      return usage("not_a_file", `${name} is ${why === "folder" ? "a folder" : "not a regular file"}`, `name the file of ${what}`);
    case "unreadable":
      return usage("unreadable_file", `${name} can't be read`, "check the permissions of the file and of its folder");
    case "too_large":
      return refusedKey(`${name} is larger than any key`, `name the file of ${what}`);
  }
}
