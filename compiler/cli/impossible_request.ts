// Refuses requests about something that can't happen, because an answer would mislead.
import { misled, misledText, type Misled } from "../../runtime/host/misled.ts";
import type { LoadedPolicy } from "../../runtime/host/module.ts";
import { canBeSource } from "../../runtime/net/address.ts";
import { unread, type Unread } from "./evaluate.ts";
import { usage, type Outcome } from "./outcome.ts";
import { freshEngine } from "./policy_tests.ts";
import type { Request } from "./request.ts";

/** Why a request can't happen with this policy; null where it can. */
export function impossible(loaded: LoadedPolicy, request: Request): Outcome | null {
  if (request.kind === "bind") return null;
  const { source, via, to, sni } = request;
  const wrong = to.kind === "expose" ? misled(loaded.info, to.name, sni) : null;
  if (wrong !== null) return misledOutcome(wrong, sni);
  if (via === null) return null;
  const notRead = unread(loaded.info, freshEngine(loaded, null), to, via);
  if (notRead !== null) return unreadOutcome(notRead);
  if (canBeSource(source)) return null;
  return usage("no_header_read", "no client can have this address, so that no PROXY header may name it", "write the address of a client behind `from`");
}

/** A request to an expose to which its name does not lead is about something that can't happen. */
function misledOutcome(wrong: Misled, sni: string | null): Outcome {
  const { expose, port, leads } = wrong;
  return usage(
    "leads_elsewhere",
    misledText(wrong, sni),
    leads === null ?
      `write \`to tcp ${port}\` to see the refusal, or \`sni\` with a name that leads to \`${expose}\``
    : `write \`to ${leads}\`, or \`to tcp ${port}\` to query the expose that has the name`,
  );
}

/** Without `via` there, the header is data, and the request can't happen. */
function unreadOutcome({ expose, hasVia }: Unread): Outcome {
  return usage(
    "no_header_read",
    expose === null ? "nothing is exposed there, so that no PROXY header is read"
    : hasVia ? `this peer is not in the \`via\` of \`${expose}\`, so that its PROXY header is data`
    : `\`${expose}\` has no \`via\`, so that a PROXY header is data`,
    "omit `via ADDRESS`, and write the peer's address behind `from`",
  );
}
