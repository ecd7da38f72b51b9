// A policy whose exposes share a port, in the form of the vectors (tests/os/vectors.ts) with one part and no records. shared_port.rs and
// broken.rs of tests/crates/vectors know its names, caps and limits.
import { nativePolicy } from "../../compiler/emit/native.ts";
import { compileText } from "../oracle/ask.ts";

const POLICY = `edition 1
net clients = 198.51.100.0/24
expose shop on tcp 8443 for "shop.example.com" as passthrough {
  backend 127.0.0.1:9001
  cap 2 connections, 1 per source
  allow from clients
}
expose web on tcp 8443 for "www.example.com" as passthrough {
  backend 127.0.0.1:9002
  limit 2/m burst 2 per listener
  allow from clients
}
expose alone on tcp 8080 {
  backend 127.0.0.1:9003
  cap 1 connections
  allow from clients
}
`;
const MAGIC = 0x56474e49;
const SEED = [1, 2, 3, 4];

/** Numbers of the cases that need this file. */
export const SHARED = 2000;
export const BROKEN = 3000;

export function sharedPort(): Uint8Array {
  const { data, manifest: text } = nativePolicy(compileText(POLICY, new Map(), "os"));
  const manifest = Buffer.from(text);
  const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const words = (...numbers: readonly number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);
  const part = Buffer.concat([words(0, 0, data.length, manifest.length, ...SEED), padded(data), padded(manifest)]);
  return Buffer.concat([words(MAGIC, 1, 16, part.length), part]);
}
