// The targets of `ingressc build` that are other programs: one row each.
import type { Emitter } from "./emitter.ts";
import { nft } from "./nft/nft.ts";

export const EMITTERS = { nft } as const satisfies Readonly<Record<string, Emitter>>;
