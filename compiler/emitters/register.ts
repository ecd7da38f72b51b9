// The targets of `ingressc build` that are other programs: one row each.
import type { Emitter } from "./emitter.ts";
import { envoy } from "./envoy.ts";
import { envoyWasm } from "./envoy_wasm.ts";
import { haproxy } from "./haproxy.ts";
import { kubernetes } from "./kubernetes.ts";
import { nft } from "./nft.ts";

export const EMITTERS = { nft, haproxy, envoy, "envoy-wasm": envoyWasm, kubernetes } as const satisfies Readonly<Record<string, Emitter>>;
