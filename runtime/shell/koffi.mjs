// The one place that loads koffi, an optional dependency: for libc.ts, and for the small programs of ingress-guard that
// start as plain JavaScript. Throws where it is not installed or has no binary for this machine.
import { createRequire } from "node:module";

export const loadKoffi = () => createRequire(import.meta.url)("koffi");
