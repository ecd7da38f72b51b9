// ING925 to ING933: what Open Nexus OS can't do of a policy that is to be written for it. Their data and their words.
import { grouped } from "../../runtime/text/number.ts";
import { quote } from "./quote.ts";
import type { WordsOf } from "./sentence.ts";

interface Misfit {
  readonly target: string;
  readonly expose: string;
  /** The end of a sentence. */
  readonly what: string;
}

export interface NexusData {
  /** `clause`: the words of the policy, such as `on tcp 443`; `other`: the protocol that it doesn't have. */
  ING925: { readonly target: string; readonly expose: string; readonly clause: string; readonly other: string };
  ING926: { readonly target: string; readonly expose: string; readonly clause: string };
  ING927: { readonly target: string; readonly expose: string; readonly clause: string };
  /** Rules: for binds, of which one is that of loopback, and for connections. */
  ING928: { readonly target: string; readonly subject: string; readonly binds: number; readonly connects: number; readonly most: number };
  ING929: Misfit;
  ING930: Misfit;
  ING931: { readonly target: string; readonly subject: string; readonly what: string };
  ING932: { readonly target: string; readonly clause: string };
  ING933: { readonly target: string; readonly expose: string; readonly clause: string };
}

export const NEXUS_WORDS: WordsOf<NexusData> = {
  ING925: ({ target, expose, clause, other }) => ({
    message: `${quote(clause)} of ${quote(expose)} can't be written for \`${target}\`: a profile has no protocols, so that its ports would be open over ${other} too`,
    help: `expose the same ports over ${other}, or accept it with \`--without protocols\`, which the output of \`build\` names`,
  }),
  ING926: ({ target, expose, clause }) => ({
    message: `${quote(clause)} of ${quote(expose)} can't be written for \`${target}\`: a profile distinguishes loopback from all other addresses, and no more`,
    help: "remove `bind`, bind loopback addresses alone, or use the engine (`--target c`)",
  }),
  ING927: ({ target, expose, clause }) => ({
    message: `${quote(clause)} of ${quote(expose)} can't be written for \`${target}\`: only ingressd binds there beyond loopback, over any protocol, and without tokens`,
    help: "let ingressd forward to the service, choose another `--subject`, or use the engine (`--target c`)",
  }),
  ING928: ({ target, subject, binds, connects, most }) => ({
    message: `the profile of ${quote(subject)} can't be written for \`${target}\`: it needs ${grouped(binds + connects)} rules, ${grouped(binds)} for binds and ${grouped(connects)} for connections to backends, and has room for ${most}`,
    help: "expose ranges of ports that are wider or adjacent, give the backends adjacent ports or addresses, or use the engine (`--target c`)",
  }),
  ING929: ({ target, expose, what }) => ({
    message: `${quote(expose)} can't be written for \`${target}\`: ${what}`,
    help: "give it one `limit N/s burst B per listener`, with N at most 10,000 and B at most 1,000",
  }),
  ING930: ({ target, expose, what }) => ({
    message: `${quote(expose)} can't be written for \`${target}\`: ${what}`,
    help: "admit one to eight IPv4 prefixes, such as `allow from 10.0.2.0/24` or `allow from any4`",
  }),
  ING931: ({ target, subject, what }) => ({
    message: `the exposures of ${quote(subject)} can't be written for \`${target}\`: ${what}`,
    help: "give the exposes other services, or write fewer of them",
  }),
  ING932: ({ target, clause }) => ({
    message: `${quote(clause)} can't be written for \`${target}\`: an exposure has one port, and a rate of its own`,
    help: "write one expose for each port",
  }),
  ING933: ({ target, expose, clause }) => ({
    message: `${quote(clause)} of ${quote(expose)} can't be written for \`${target}\`: a profile has IPv4 addresses alone, so that ingressd could not connect there`,
    help: "give it a backend at an IPv4 address, such as `127.0.0.1:8080`, or at a unix socket",
  }),
};
