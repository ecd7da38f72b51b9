// Tokens, the keeper and leases.
import { bindsAtOnce, edit, type Mutant } from "./edits.ts";

export const TOKENS: readonly Mutant[] = [
  {
    without: "the token of a bind that needs one",
    noticedBy: ["direct.check", "without the key, or without a gateway"],
    edits: [
      edit(
        "broker.ts",
        'if (decision.code !== "no_token" || setup.direct === null) return made(decision, () => undefined);',
        'if (decision.code === "no_token") return act();\n  if (setup.direct === null) return made(decision, () => undefined);',
      ),
    ],
  },
  {
    without: "ingressd's judgement of the proof",
    noticedBy: ["direct.check", "without the key, or without a gateway"],
    edits: [
      edit(
        "../../gateway/methods/direct.ts",
        "if (proof !== undefined && isProof(proof, guardKey, issued, service)) return null;",
        'if (proof !== "") return null;',
      ),
    ],
  },
  {
    without: "ingressd's notice of a lease's end",
    noticedBy: ["direct.check", "the end of a lease"],
    edits: [edit("leases.ts", 'if (method !== "lease_ended" || notice === null) return;', "return;")],
  },
  {
    without: "the policy that the guard reads again",
    noticedBy: ["direct.check", "a policy that no longer grants it"],
    edits: [
      edit(
        "direct.ts",
        'if (policy.judge(proto, address, port).code !== "no_token") revoke(at, "the policy no longer grants it");',
        "void policy.judge(proto, address, port);",
      ),
    ],
  },
  {
    without: "the end of a token's time",
    noticedBy: ["direct.check", "a token that is not renewed"],
    edits: [edit("direct.ts", "if (now >= at.notAfter) revoke(at,", "if (now < 0) revoke(at,")],
  },
  {
    without: "the renewal of tokens",
    noticedBy: ["direct.check", "a token that is not renewed"],
    edits: [edit("direct.ts", "if (left.has(name)) void renew(name, place);", "if (left.has(name)) void name;")],
  },
  {
    without: "the closing of a port: it is said alone",
    noticedBy: ["direct.check", "unregistering closes"],
    edits: [edit("sockets.ts", "kernel.shutdown(fd);\n    return !kernel.accepts(fd);", "return true;")],
  },
  {
    without: "the refusal to listen again on what was taken back",
    noticedBy: ["direct.check", "unregistering closes"],
    edits: [edit("direct.ts", "if (revoked.has(cookie)) return denial(CODE_TOKEN_REVOKED);", "")],
  },
  {
    without: "the end of a service whose UDP port can't be closed",
    noticedBy: ["direct.check", "a UDP socket can't be closed"],
    edits: [edit("direct.ts", "if (!shut(kernel, at.place.proto, at.name)) endService(", "if (!shut(kernel, at.place.proto, at.name)) say(")],
  },
  {
    without: "the refusal of a socket that was bound outside, where there is a token",
    noticedBy: ["direct.check", "a socket that was bound outside"],
    edits: [edit("broker.ts", "const bound = binds.of(nameOf(kernel, fd));", "const bound = binds.of(nameOf(kernel, fd)) ?? localOf(kernel, fd);")],
  },
  {
    without: "the key's owner: the program could read it",
    noticedBy: ["direct.check", "neither key nor token"],
    asRoot: true,
    edits: [edit("key.ts", "if (uid !== 0 && stats.uid === uid && (stats.mode & OWNER_READ) !== 0) {", "if (uid < 0) {")],
  },
  {
    without: "the policy's word for who dials over udp",
    noticedBy: ["direct.check", "a service dials over udp"],
    edits: [bindsAtOnce('proto === "udp" && local.port === 0')],
  },
  {
    without: "the keeper's end of a program whose guard was killed",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("keeper.ts", "  if (heard.word.active) {", "  if (code < 0) {")],
  },
  {
    without: "the keeper's notice of a guard that was stopped",
    noticedBy: ["keeper.check", "gets SIGSTOP takes a program with a tcp"],
    asRoot: true,
    edits: [edit("keeper.ts", "if (!isSilent(heard)) return;", "if (heard.silentTicks > 0) return;")],
  },
  {
    without: "the guard's word before a socket is bound",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [
      edit(
        "direct.ts",
        "const notify = (): void =>\n    keeping.report(\n      clock.monoMs() < bindingUntilMs,\n      [...tokenSockets.values()]",
        "const notify = (): void => keeping.report(false, [...tokenSockets.values()].slice(tokenSockets.size)",
      ),
    ],
  },
  {
    without: "orphans that come to the keeper",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("guardian.ts", "prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);", "")],
  },
  {
    without: "the reaping of orphans",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("guardian.ts", "const SI_PID = 16;", "const SI_PID = 12;")],
  },
  {
    without: "the guard's notice of its keeper's end",
    noticedBy: ["keeper.check", "the keeper's end takes it"],
    asRoot: true,
    edits: [edit("keeping.ts", "    lost();", "")],
  },
  {
    without: "the refusal of tokens without a keeper",
    noticedBy: ["keeper.check", "without a keeper"],
    asRoot: true,
    edits: [
      edit("direct.ts", "      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);\n      const answer", "      const answer"),
      edit("direct.ts", "      notify();\n      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);", "      notify();"),
    ],
  },
  {
    without: "the scope of signals",
    noticedBy: ["keeper.check", "signal neither"],
    asRoot: true,
    edits: [edit("confinement.ts", "{ signals: direct && signals }", "{ signals: false }")],
  },
];
