// The targets of `ingressc build` that are other programs: one row each.
import type { Emitter } from "./emitter.ts";
import { haproxy } from "./haproxy/haproxy.ts";
import { nft } from "./nft/nft.ts";

export const EMITTERS = { nft, haproxy } as const satisfies Readonly<Record<string, Emitter>>;
