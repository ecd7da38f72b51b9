// The policies whose tables are damaged: small ones, tries of both families, names, ends, shadows, limits and caps;
// and the requests that each module gets before and after.
import { fnv1a64 } from "../../../runtime/abi/fnv.ts";
import { compileText } from "../../oracle/ask.ts";
import { chance } from "../../oracle/random.ts";
import { readPrefix, v4 } from "../../oracle/space.ts";

export interface Subject {
  readonly name: string;
  readonly module: Uint8Array;
  /** Sources at which verdicts change, and others. */
  readonly sources: readonly bigint[];
  readonly names: readonly (string | null)[];
  /** UTC seconds, rising; 0 for an unknown clock. */
  readonly moments: readonly number[];
  /** Local addresses and ports. */
  readonly locals: readonly bigint[];
  readonly ports: readonly number[];
}

const MAPPED = 0xffffn << 32n;

/** First and last address of each prefix in a text, their neighbours, and the starts of the slot groups that contain them. */
function edges(text: string): bigint[] {
  const found = new Set<bigint>();
  for (const [token] of text.matchAll(/(?:\d+(?:\.\d+){3}|[0-9a-f]+:[0-9a-f:]*:)(?:\/\d+)?/g)) {
    const { base, length, family } = readPrefix(token.includes("/") ? token : `${token}/${token.includes(":") ? 128 : 32}`);
    const last = base + (1n << BigInt((family === 4 ? 32 : 128) - length)) - 1n;
    for (const at of [base - 1n, base, last, last + 1n]) if (at >= 0n && at < 1n << 128n) found.add(at);
  }
  return [...found];
}

/** The starts of a trie's groups of 32 slots near the edges; for IPv6 in the upper 32 bits. */
function aligned(list: readonly bigint[]): bigint[] {
  const found = new Set(list);
  for (const at of list) {
    const small = at >> 32n === 0xffffn;
    const unit = small ? 0n : 96n;
    for (const bits of [5n, 8n, 13n, 16n]) found.add((at >> (bits + unit)) << (bits + unit));
  }
  return [...found];
}

const ANY = [0n, 1n, MAPPED, MAPPED + 1n, MAPPED + 0xffffffffn, MAPPED - 1n, MAPPED + (1n << 32n), (1n << 128n) - 1n, 0x20010db8n << 96n, v4(0x08080808)];
const PORTS = [0, 1, 79, 80, 81, 442, 443, 444, 1000, 8079, 8080, 8081, 8443, 9000, 9001, 65_535];

function subject(name: string, text: string, more: Partial<Subject> = {}, files: ReadonlyMap<string, string> = new Map()): Subject {
  const all = edges([text, ...files.values()].join("\n"));
  return {
    name,
    module: compileText(text, files),
    sources: [...new Set([...ANY, ...all])],
    names: [null],
    moments: [0],
    locals: [...new Set([...ANY, ...edges(text).slice(0, 200)])],
    ports: PORTS,
    ...more,
  };
}

export const SMALL_TEXT = `edition 1
deny from 10.9.0.0/16
expose api on tcp 8080 bind 10.0.0.0/8, 192.168.0.0/16 { allow from 10.0.0.0/8, 2001:db8::/32 deny from 10.0.0.0/24 }
expose web on tcp 443, 8443 { allow from any except 10.0.0.0/8 }
expose none on tcp 9000 { deny from any }
`;
const small = subject("small", SMALL_TEXT);

const limits = subject(
  "limits and caps",
  `edition 1
deny from 198.51.100.0/24
expose api on tcp 8080 { cap 10 connections, 3 per source /24 /48 limit 5/m burst 4 per source /24 /48 limit 9/m per listener allow from 10.0.0.0/8, 2001:db8::/32 }
expose web on tcp 443 { cap 7 connections, 2 per source limit 20/s burst 3 per source allow from any }
expose raw on tcp 9000 { cap 2 connections limit 1/h per listener allow from any4 }
`,
);

const ends = subject(
  "ends and shadows",
  `edition 1
dryrun deny from 203.0.113.0/24
expose web on tcp 443 {
  allow from 192.0.2.0/24 until 2030-01-01T00:00Z
  allow from 192.0.2.0/25 until 2039-06-01T00:00Z
  allow from 2001:db8::/32
  allow from 192.0.2.128/26 until 2031-01-01T00:00Z
  dryrun deny from 192.0.2.0/28
  dryrun allow from 198.51.100.0/24
}
expose gone on tcp 8080 { allow from any until 2029-01-01T00:00Z }
`,
  {
    moments: [
      0,
      ...[2029, 2030, 2031].flatMap((year) => [-1, 0].map((step) => Date.UTC(year, 0, 1) / 1000 + step)),
      ...[-1, 0].map((step) => Date.UTC(2039, 5, 1) / 1000 + step),
    ],
  },
);

const NAMES = ["example.com", "www.example.com", "*.shop.example.com", "**.corp.example.net", "a.b.c.d.e", "api.example.org", "x.example.org"];
const names = subject(
  "names",
  `edition 1
hosts shop = "www.example.com", "example.com", "*.shop.example.com"
hosts corp = "**.corp.example.net", "a.b.c.d.e" except "secret.corp.example.net"
expose tls on tcp 443 as passthrough {
  allow from any sni shop
  allow from 10.0.0.0/8 sni corp
  deny from 10.1.0.0/16 sni "www.example.com"
  allow from 192.0.2.0/24
  allow from 2001:db8::/32 sni "api.example.org" until 2030-01-01T00:00Z
}
expose other on tcp 8443 as passthrough { allow from any sni "x.example.org", "*.x.example.org" deny from 203.0.113.0/24 }
`,
  {
    names: [
      null,
      "nobody.invalid",
      "secret.corp.example.net",
      ...NAMES.flatMap((word) => {
        const base = word.replace(/^\*+\./, "");
        return [base, `q.${base}`, `q.q.${base}`, `x${base}`, `${base}.q`, base.replace(/^[^.]*\./, "")];
      }),
    ].filter((name, i, all) => all.indexOf(name) === i),
    moments: [0, Date.UTC(2030, 0, 1) / 1000 - 1, Date.UTC(2030, 0, 1) / 1000],
  },
);

/** Large enough for tries of both families, over several lists. */
const tries = ((): Subject => {
  const c = chance(3);
  const lists = [0, 1, 2].map((n) =>
    [
      ...Array.from({ length: 2_500 }, (_, i) =>
        `${10 + n}.${i >> 7}.${(i & 127) * 2}.${c.below(250)}/${c.pick([24, 28, 31, 32])}`.replace(
          /\.(\d+)\/(\d+)$/,
          (_all, d: string, l: string) => `.${(Number(d) >> (32 - Number(l))) << (32 - Number(l))}/${l}`,
        ),
      ),
      ...Array.from({ length: 1_700 }, (_, i) => `2001:db8:${(n * 512 + (i >> 3)).toString(16)}:${(i * 2).toString(16)}::/64`),
      ...Array.from({ length: 60 }, (_, i) => `2${n}00:${(i * 4).toString(16)}::/30`),
    ].join("\n"),
  );
  const files = new Map(lists.map((list, n) => [`l${n}`, `${list}\n`]));
  const text = `edition 1
net a = file "l0" max 20000
net b = file "l1" max 20000
net d = file "l2" max 20000
deny from 11.0.0.0/20
expose web on tcp 443 { allow from a, b deny from d }
expose api on tcp 8080 { allow from any except a }
`;
  const made = subject("tries", text, {}, files);
  return { ...made, sources: [...new Set([...aligned(made.sources), ...Array.from({ length: 65_536 }, (_, i) => v4(i * 65_536))])] };
})();

export const SUBJECTS: readonly Subject[] = [small, limits, ends, names, tries];

const ID = fnv1a64("ingressd");
export const INGRESSD: readonly [number, number] = [Number(ID >> 32n) | 0, Number(ID & 0xffffffffn) | 0];
