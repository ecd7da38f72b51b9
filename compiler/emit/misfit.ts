// What a policy says that does not fit the page of the profile `os`: the diagnostic that names
// the clause or the set that uses the most.
import { grouped } from "../../runtime/text/number.ts";
import { OS_PAGES } from "../../runtime/abi/profiles.ts";
import { PAGE_BYTES } from "../../runtime/abi/layout.ts";
import type { AddressSet, CheckedPolicy } from "../check/policy.ts";
import type { Diagnostic } from "../diagnostic.ts";
import type { PolicyTables } from "../lower/tables.ts";
import { quote } from "../quote.ts";
import type { Span } from "../source.ts";
import type { Overflow, Part } from "./image.ts";
import type { Misfit } from "./state.ts";

const number = (n: number): string => grouped(n);
const PAGE = number(OS_PAGES * PAGE_BYTES);

interface User {
  readonly what: string;
  readonly n: number;
  readonly span: Span;
}

/** `entry`: the place to show where nothing of the policy is to blame. */
export function sayMisfit(misfit: Misfit, parts: Overflow["parts"], policy: CheckedPolicy, tables: PolicyTables, entry: Span): Diagnostic {
  return misfit.what === "caps" ? tooManyCounted(misfit.connections, policy, entry) : tooLarge(misfit.bytes, parts, policy, tables, entry);
}

function tooManyCounted(most: number, { exposes }: CheckedPolicy, entry: Span): Diagnostic {
  const counted = exposes.flatMap(({ cap: { connections, perSource, span } }) => (perSource === null || span === null ? [] : [{ connections, span }]))
    .sort((x, y) => y.connections - x.connections);
  const sum = counted.reduce((n, { connections }) => n + connections, 0);
  const [first, ...others] = counted;
  return {
    code: "ING807",
    message: `connections are counted \`per source\` up to ${number(sum)} at once, and the page of the profile \`os\` has room to count ${number(most)}`,
    span: first?.span ?? entry,
    label: others.length === 0 ? "" : "the most of them here",
    related: others.slice(0, MOST_RELATED).map(({ span }) => ({ span, label: "and here" })),
    help: `write a \`cap\` of at most ${number(most)} connections${others.length === 0 ? "" : " in all"}, or count none of them \`per source\``,
    fix: null,
  };
}

const MOST_RELATED = 4;

function tooLarge(bytes: number, parts: Overflow["parts"], policy: CheckedPolicy, tables: PolicyTables, entry: Span): Diagnostic {
  const rows = Object.entries(USERS).map(([part, { users, help }]) => ({ bytes: parts[part as Part], users, help }));
  const [most] = rows.sort((x, y) => y.bytes - x.bytes);
  const [user] = most?.users(policy, tables).sort((x, y) => y.n - x.n) ?? [];
  const by = user === undefined || most === undefined ? "" : `; the most, ${number(most.bytes)}, go to ${user.what}`;
  return {
    code: "ING806",
    message: `the policy needs ${number(bytes)} bytes of memory, and the profile \`os\` has one page of ${PAGE}${by}`,
    span: user?.span ?? entry, label: "", related: [], help: most?.help ?? null, fix: null,
  };
}

interface Blame {
  /** Those who may use the most of it; the largest is named. */
  readonly users: (policy: CheckedPolicy, tables: PolicyTables) => User[];
  readonly help: string;
}

const USERS = {
  addresses: {
    users: ({ sets }, { rules }) => rules.flatMap(({ from, spans: [span] }) => {
      const net = sets.find(({ set }) => set === from);
      const what = `addresses, of which ${net === undefined ? "this rule" : `the net ${quote(net.name)}`} has ${ranges(from)}`;
      return span === undefined ? [] : [{ what, n: from.bounds.length, span: net?.span ?? span }];
    }),
    help: "write fewer or wider prefixes there; long lists are for policies of the profile `host`",
  },
  names: {
    users: (_, { rules }) => rules.flatMap(({ sni, spans: [span] }) => (sni === null || span === undefined ? [] : [{ what: `host names, of which this rule has ${number(sni.words.length)}`, n: sni.words.length, span }])),
    help: "name fewer hosts there, or their parent with `*.`",
  },
  outcomes: {
    users: ({ exposes }, { classCount }) => exposes.map(({ allows, denies, name, span }) =>
      ({ what: `what ${number(exposes.length)} exposes do with ${number(classCount)} kinds of sources; the most rules are those of ${quote(name)}`, n: allows.length + denies.length, span })),
    help: "let several exposes have the same nets, write fewer rules, or expose one service on several ports",
  },
  ports: {
    users: ({ exposes }) => exposes.map(({ name, ports, bind, span }) => {
      const n = ports.length + (bind === null ? 0 : bind.bounds.length / 8);
      return { what: `ports and \`bind\`, of which ${quote(name)} has ${number(n)} ranges`, n, span };
    }),
    help: "expose whole ranges instead of single ports, and bind whole nets",
  },
  exposes: {
    users: ({ exposes }) => exposes.map(({ limits, span }) => ({ what: `${number(exposes.length)} exposes and their limits`, n: limits.length, span })),
    help: "expose fewer services, or one on several ports",
  },
} as const satisfies Record<Part, Blame>;

function ranges({ bounds }: AddressSet): string {
  return `${number(bounds.length / 8)} ranges`;
}
