// The binds that a policy allows one subject, as an ABI filter's profile: phase 0 without the engine. A rule that
// a version can't express is not approximated; the profile is refused with the reasons.
import { encodeFilter, FILTER_MAX_BYTES, FILTER_MAX_RULES, type FilterAddress, type FilterRule, type FilterVersion } from "../../runtime/abi/filter.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { AddressSet, CheckedExpose, CheckedPolicy, PortRange } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";

/** The subject that binds for every expose that is not `direct`. */
const GATEWAY = "ingressd";

/** The wildcard address over udp, at a port of the kernel's choice. */
const DIAL: FilterRule = { action: "allow", proto: "udp", address: { kind: "wildcard" }, first: 0, last: 0 };

export interface Profile {
  readonly bytes: Uint8Array;
  readonly subject: bigint;
  readonly rules: readonly FilterRule[];
}

export interface Misfit {
  /** One sentence, lower case, no period. */
  readonly reason: string;
  /** Null where it is of the whole. */
  readonly span: Span | null;
}

export function filterProfile(policy: CheckedPolicy, subject: string, version: FilterVersion): Result<Profile, readonly Misfit[]> {
  const own = policy.exposes.filter((e) => (e.mode === "direct" ? e.service : GATEWAY) === subject);
  const dials = policy.dials.filter(({ service }) => service === subject);
  const misfits: Misfit[] = own.flatMap((e) => misfitsOf(e, version));
  if (version === 1)
    misfits.push(
      ...dials.map(({ span }) => ({ reason: `\`${subject}\` may dial over udp, and version 1 has no protocols: port 0 would be open over tcp too`, span })),
    );
  const rules = version === 1 ? portRules(own) : [...addressRules(own), ...dials.slice(0, 1).map(() => DIAL)];
  const made: Profile = { bytes: new Uint8Array(0), subject: fnv1a64(subject), rules };
  if (misfits.length === 0 && rules.length > FILTER_MAX_RULES) {
    misfits.push({ reason: `\`${subject}\` needs ${rules.length} rules, and a profile has at most ${FILTER_MAX_RULES}`, span: null });
  }
  if (misfits.length > 0) return failed(misfits);
  const bytes = encodeFilter({ version, subject: made.subject, rules });
  return bytes.length > FILTER_MAX_BYTES ?
      failed([{ reason: `the profile has ${bytes.length} bytes, more than ${FILTER_MAX_BYTES}`, span: null }])
    : ok({ ...made, bytes });
}

function misfitsOf({ name, proto, mode, bind, span }: CheckedExpose, version: FilterVersion): Misfit[] {
  if (mode === "direct") return [{ reason: `\`${name}\` is bound with a token (\`as direct\`), and a filter sees none`, span }];
  if (version === 1 && proto === "udp")
    return [{ reason: `\`${name}\` is exposed on udp, and version 1 has no protocols: its ports would be open over tcp too`, span }];
  return version === 1 && bind !== null ?
      [{ reason: `\`${name}\` is bound at some addresses alone, and version 1 has ports only: it would open all addresses`, span }]
    : [];
}

/** Every port of exposes without `bind`, joined. */
function portRules(exposes: readonly CheckedExpose[]): readonly FilterRule[] {
  return joined(exposes.filter((e) => e.bind === null).flatMap((e) => e.ports)).map(({ first, last }): FilterRule => ({
    action: "allow",
    proto: "any",
    address: { kind: "any" },
    first,
    last,
  }));
}

/** The built-in allow of loopback binds, then what is exposed. All are allows, so that their order decides nothing. */
function addressRules(exposes: readonly CheckedExpose[]): readonly FilterRule[] {
  const all = { action: "allow", proto: "any", first: 0, last: 65_535 } as const;
  const loopback: readonly FilterRule[] = [
    { ...all, address: { kind: "v4", network: Uint8Array.of(127, 0, 0, 0), length: 8 } },
    { ...all, address: { kind: "v6", network: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), length: 128 } },
  ];
  const protos = ["tcp", "udp"] as const;
  const anywhere = protos.flatMap((proto) =>
    joined(exposes.filter((e) => e.bind === null && e.proto === proto).flatMap((e) => e.ports)).map(({ first, last }): FilterRule => ({
      action: "allow",
      proto,
      address: { kind: "any" },
      first,
      last,
    })),
  );
  const somewhere = exposes.flatMap(({ bind, proto, ports }) =>
    bind === null ?
      []
    : ports.flatMap(({ first, last }) =>
        prefixes(bind)
          .filter((address) => !isLoopback(address))
          .map((address): FilterRule => ({ action: "allow", proto, address, first, last })),
      ),
  );
  return [...loopback, ...anywhere, ...somewhere];
}

/** The built-in allow has it already. */
function isLoopback(address: FilterAddress): boolean {
  if (!("network" in address)) return false;
  const { kind, network, length } = address;
  return kind === "v4" ? length >= 8 && network[0] === 127 : network.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

function joined(ports: readonly PortRange[]): readonly PortRange[] {
  const out: { first: number; last: number }[] = [];
  for (const { first, last } of [...ports].sort((a, b) => a.first - b.first)) {
    const before = out.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else out.push({ first, last });
  }
  return out;
}

/** The fewest prefixes of a set; more than a profile can have are cut off behind one too many. */
function prefixes({ bounds }: AddressSet): readonly FilterAddress[] {
  const out: FilterAddress[] = [];
  for (let i = 0; i < bounds.length && out.length <= FILTER_MAX_RULES; i += 8) {
    let first = wide(bounds, i);
    const last = wide(bounds, i + 4);
    const v4 = first >> 32n === 0xffffn;
    const bits = v4 ? 32 : 128;
    while (first <= last && out.length <= FILTER_MAX_RULES) {
      let length = bits;
      // Grows while it begins where it may and ends within the set.
      while (length > 0 && endOf(first, length - 1, bits) <= last && (first >> BigInt(bits - length)) % 2n === 0n) length--;
      const address = Array.from({ length: bits / 8 }, (_, b) => Number((first >> BigInt(bits - 8 - 8 * b)) & 0xffn));
      out.push({ kind: v4 ? "v4" : "v6", network: Uint8Array.from(address), length });
      first = endOf(first, length, bits) + 1n;
    }
  }
  return out;
}

const endOf = (first: bigint, length: number, bits: number): bigint => first + (1n << BigInt(bits - length)) - 1n;

function wide(bounds: Uint32Array, at: number): bigint {
  return [0, 1, 2, 3].reduce((sum, i) => (sum << 32n) | BigInt(bounds[at + i] ?? 0), 0n);
}
