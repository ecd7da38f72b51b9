// Sets of client identities. A set is a list of patterns, each with what is taken out of it; that
// is enough to tell what a set holds and whether anything is left of it.
import { MAX_IDS, MAX_SET_IDS } from "../bounds.ts";
import { quote } from "../quote.ts";
import type { Homes } from "./homes.ts";
import { readHostName } from "./hostNames.ts";
import { coversId, idParts, idWord, idsMeet, readId, type ReadId } from "./idPatterns.ts";
import type { IdSet } from "./policy.ts";
import { isProblem, sayTextProblem, type Report } from "./report.ts";
import type { Algebra } from "./resolve.ts";
import { sayUnknown } from "./unknown.ts";

interface Part {
  readonly pattern: ReadId;
  /** INVARIANT: each meets the pattern, and none holds all of it. */
  readonly without: readonly ReadId[];
}

export type Ids = readonly Part[];

const FORM = "an identity is written with its type: `uri \"spiffe://corp.example/ops/*\"`, `dns \"jump.corp.example\"`, `ip \"192.0.2.7\"` or `sha256 \"…\"`";

export function idAlgebra(report: Report, homes: Homes): Algebra<Ids> {
  let written = 0;
  let work = 0;
  let full = false;
  return {
    kind: "ids",
    literal(member) {
      switch (member.kind) {
        case "id": {
          const pattern = readId(member.type, member.pattern.text);
          if (isProblem(pattern)) {
            sayTextProblem(report, pattern, member.pattern.span);
            return null;
          }
          if (++written > MAX_IDS) {
            if (!full) report.say("ING610", `the policy has more than ${MAX_IDS} identities`, member.span, { help: "use patterns such as `uri \"spiffe://corp.example/ops/*\"`" });
            full = true;
            return null;
          }
          return [{ pattern, without: [] }];
        }
        case "name":
        case "qualified":
          sayUnknown(report, homes, member, "ids");
          return null;
        case "text":
          report.say("ING208", "a text in quotes stands where an identity is wanted", member.span, { help: FORM, ...typed(member.text) });
          return null;
        case "file":
          report.say("ING208", "a list file can't hold identities", member.span, { help: FORM });
          return null;
        case "literal":
        case "number":
          report.say("ING208", `${quote(member.text)} is no identity`, member.span, { help: FORM });
          return null;
        case "param":
          return null;
      }
    },
    combine(members, except, at) {
      const plus = members.flat();
      const minus = except.flat();
      work += plus.length * (1 + minus.length) + plus.reduce((n, p) => n + p.without.length * plus.length, 0);
      if (full || work > MAX_SET_IDS) {
        if (!full) report.say("ING610", "the sets of identities of the policy are too large to be computed", at.span, { help: "name a large set once and use its name" });
        full = true;
        return null;
      }
      const all = united(plus);
      return except.length === 0 ? all : subtracted(all, united(minus));
    },
    isEmpty: (ids) => ids.length === 0,
  };
}

function typed(text: string): { readonly replace?: string } {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return isProblem(readId("uri", text)) ? {} : { replace: `uri "${text}"` };
  if (/^[0-9A-Fa-f]{64}$/.test(text)) return { replace: `sha256 "${text}"` };
  if (!isProblem(readId("ip", text))) return { replace: `ip "${text}"` };
  return typeof readHostName(text) === "string" && text.includes(".") ? { replace: `dns "${text}"` } : {};
}

/** What another part holds whole is not taken out. */
function united(parts: Ids): Ids {
  const byWord = new Map<string, Part>();
  for (const part of parts) {
    const word = idWord(part.pattern);
    const known = byWord.get(word);
    // Of one pattern with less taken out here and there, what both take out is out.
    if (known === undefined) byWord.set(word, part);
    else byWord.set(word, { pattern: part.pattern, without: known.without.filter((w) => part.without.some((x) => coversId(x, w))) });
  }
  const whole = [...byWord.values()];
  return whole.map((part) => (part.without.length === 0 ? part : {
    ...part,
    without: part.without.filter((w) => !whole.some((p) => p !== part && coversId(p.pattern, w) && !p.without.some((x) => idsMeet(x, w)))),
  }));
}

function subtracted(all: Ids, out: Ids): Ids {
  return all.flatMap((part) => {
    const kept: Part[] = [];
    let without = part.without;
    for (const { pattern, without: back } of out) {
      if (!idsMeet(pattern, part.pattern)) continue;
      // What the subtrahend itself leaves out stays.
      for (const b of back) if (coversId(part.pattern, b) && !without.some((w) => coversId(w, b))) kept.push({ pattern: b, without: part.without.filter((w) => idsMeet(w, b)) });
      without = [...without, pattern];
    }
    return [...(without.some((w) => coversId(w, part.pattern)) ? [] : [{ ...part, without }]), ...kept];
  });
}

export function idSet(ids: Ids): IdSet {
  const words = ids.map(({ pattern, without }) => [idWord(pattern), ...without.map((w) => `!${idWord(w)}`).sort()].join(" "));
  return {
    members: ids.map(({ pattern, without }) => ({ pattern: idParts(pattern), without: without.map(idParts) })),
    words: [...new Set(words)].sort(),
  };
}
