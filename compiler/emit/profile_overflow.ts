// A policy that does not fit the page of the profile `os`: the diagnostic that names
// the clause or the set that uses the most.
import type { CheckedPolicy } from "../policy/policy.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { PageUse } from "../diagnostics/profile_words.ts";
import type { PolicyTables } from "../lower/tables.ts";
import type { Span } from "../source/source.ts";
import type { Overflow, Part } from "./image.ts";
import type { Misfit } from "./state.ts";

/** Something that uses memory of a part; the one with the largest `n` is named. */
interface User {
  readonly use: PageUse;
  readonly n: number;
  readonly span: Span;
}

/** `entry`: the place to show where nothing of the policy is to blame. */
export function profileOverflow(misfit: Misfit, parts: Overflow["parts"], policy: CheckedPolicy, tables: PolicyTables, entry: Span): Diagnostic {
  return misfit.what === "caps" ? tooManyCounted(misfit.connections, policy, entry) : tooLarge(misfit.bytes, parts, policy, tables, entry);
}

function tooManyCounted(most: number, { exposes }: CheckedPolicy, entry: Span): Diagnostic {
  const counted = exposes
    .flatMap(({ cap, dryrun }) =>
      [cap, dryrun].flatMap(({ perSource, span }) => (span === null ? [] : perSource.map(() => ({ connections: cap.connections, span })))),
    )
    .sort((x, y) => y.connections - x.connections);
  const sum = counted.reduce((n, { connections }) => n + connections, 0);
  const [first, ...others] = counted;
  const related = others.slice(0, MOST_RELATED).map(({ span }) => span);
  return diagnostic("ING807", { counted: sum, room: most, caps: counted.length }, first?.span ?? entry, { related });
}

const MOST_RELATED = 4;

function tooLarge(bytes: number, parts: Overflow["parts"], policy: CheckedPolicy, tables: PolicyTables, entry: Span): Diagnostic {
  const rows = PARTS.map((part) => ({ part, bytes: parts[part] }));
  const [most] = rows.sort((x, y) => y.bytes - x.bytes);
  const [user] = most === undefined ? [] : USERS[most.part](policy, tables).sort((x, y) => y.n - x.n);
  return diagnostic("ING806", { bytes, part: most?.part ?? null, partBytes: most?.bytes ?? 0, use: user?.use ?? null }, user?.span ?? entry);
}

const PARTS = ["addresses", "names", "outcomes", "ports", "exposes"] as const satisfies readonly Part[];

const USERS: Readonly<Record<Part, (policy: CheckedPolicy, tables: PolicyTables) => User[]>> = {
  addresses: ({ sets }, { rules }) =>
    rules.flatMap(({ from, spans: [span] }) => {
      const net = sets.find(({ set }) => set === from);
      return span === undefined ?
          []
        : [{ use: { part: "addresses", net: net?.name ?? null, ranges: from.bounds.length / 8 }, n: from.bounds.length, span: net?.span ?? span }];
    }),
  names: (_, { rules }) =>
    rules.flatMap(({ sni, spans: [span] }) =>
      sni === null || span === undefined ? [] : [{ use: { part: "names", names: sni.words.length }, n: sni.words.length, span }],
    ),
  outcomes: ({ exposes }, { classCount }) =>
    exposes.map(({ allows, denies, name, span }) => ({
      use: { part: "outcomes", exposes: exposes.length, classes: classCount, expose: name },
      n: allows.length + denies.length,
      span,
    })),
  ports: ({ exposes }) =>
    exposes.map(({ name, ports, bind, span }) => {
      const n = ports.length + (bind === null ? 0 : bind.bounds.length / 8);
      return { use: { part: "ports", expose: name, ranges: n }, n, span };
    }),
  exposes: ({ exposes }) =>
    exposes.map(({ limits, dryrun, span }) => ({ use: { part: "exposes", exposes: exposes.length }, n: limits.length + dryrun.limits.length, span })),
};
