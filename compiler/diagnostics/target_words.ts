// ING900 to ING924: what another program can't do of a policy that is to be written for it. Their data and their words.
import { quote } from "./quote.ts";
import type { Words, WordsOf } from "./sentence.ts";

/** `clause`: the words of the policy, such as `as mtls`; `why`: what the target lacks, as the end of a sentence. */
interface Lossy {
  readonly target: string;
  readonly clause: string;
  readonly why: string;
}

export interface TargetData {
  ING900: Lossy;
  ING901: Lossy;
  ING902: Lossy;
  ING903: Lossy & { readonly flag: "caps" | "limits" };
  ING904: Lossy;
  ING905: Lossy;
  ING906: Lossy;
  ING907: { readonly target: string; readonly expose: string; readonly what: string };
  ING908: { readonly target: string };
  ING909: Lossy;
  ING910: Lossy;
}

function lossy(help: string): (data: Lossy) => Words {
  return ({ target, clause, why }) => ({ message: `${quote(clause)} can't be written for \`${target}\`: ${why}`, help });
}

export const TARGET_WORDS: WordsOf<TargetData> = {
  ING900: lossy("choose a target that has it, or let ingressd serve this expose"),
  ING901: lossy("choose the target `nft` or `kubernetes`, or let ingressd serve this expose"),
  ING902: lossy("let ingressd serve this expose: it reads the header of the load balancer"),
  ING903: ({ flag, ...data }) => ({
    ...lossy("")(data),
    help: `with \`--without ${flag}\` it is left out, and the output says so`,
  }),
  ING904: lossy("with `--as-of TIME` the output is right at one moment, and names the next one at which it would differ"),
  ING905: lossy("choose a target that has it, other ports, or no `bind`"),
  ING906: lossy("choose a target that has it, or let ingressd serve this expose"),
  ING907: ({ target, expose, what }) => ({
    message: `${quote(expose)} can't be written for \`${target}\`: ${what}`,
    help: "change this expose, choose another target, or let ingressd serve it",
  }),
  ING908: ({ target }) => ({
    message: `\`--whole-host\` would close tcp 22: no rule admits anybody there, so that with \`${target}\` the host could no longer be administered over ssh`,
    help: "admit somebody to tcp 22, or add `--no-ssh` where nobody needs it",
  }),
  ING909: lossy("name the identities that may come in the `allow` alone, or let ingressd serve this expose"),
  ING910: lossy("remove `alpn`, or let ingressd serve this expose"),
};
