// Binds that the policy grants with a token alone: the token comes from ingressd, is verified here and is used
// up by one bind. What is bound with one is remembered, and is closed when its leave ends: by unregistering, by a policy
// that no longer grants it, or because no new token came in time.
import { denial } from "../host/ask.ts";
import type { Denial, Permit } from "../host/decision.ts";
import { NonceSet, verifyToken } from "../host/token.ts";
import { CODE_GUARD_UNKEPT, CODE_NO_TOKEN, CODE_TOKEN_POLICY, CODE_TOKEN_REVOKED } from "../abi/verdicts.ts";
import type { Moments } from "../shell/clock.ts";
import type { Keeping } from "./keeping.ts";
import type { Kernel } from "./kernel.ts";
import { placeKey, type Leases, type Place } from "./leases.ts";
import type { TokenBinds } from "./leave.ts";
import type { GuardPolicy } from "./policy.ts";
import { isHeld, shut, type SocketName } from "./sockets.ts";

/** Tokens that were used and have not ended. */
export const MOST_NONCES = 65_536;
/** Sockets that are remembered after their leave was taken back; more could only listen with a new token. */
const MOST_REVOKED = 1_024;
/** After leave is given the keeper takes it for so long that there is a socket; the bind itself follows at once. */
const BINDING_MS = 2_000;

export interface DirectSetup {
  readonly kernel: Kernel;
  readonly service: string;
  readonly key: Uint8Array;
  readonly leases: Pick<Leases, "take" | "drop">;
  readonly policy: Pick<GuardPolicy, "judge" | "permit" | "tree">;
  readonly clock: Moments;
  readonly ttlMs: number;
  readonly keeping: Keeping;
  readonly say: (sentence: string) => void;
  /** Ends the program: what can't be closed otherwise. */
  readonly endService: (because: string) => void;
}

interface Held {
  readonly place: Place;
  readonly name: SocketName;
  readonly permit: Permit;
  /** UTC seconds. */
  notAfter: number;
}

export interface Direct extends TokenBinds {
  /** To be called some times a second: renews what goes on and closes what has ended. */
  tick(): void;
  /** Another policy is in force. */
  reloaded(): void;
  /** ingressd has ended the lease of a place. */
  ended(key: string, because: string): void;
  /** There is no keeper any more, who would end the program if the guard can't. */
  unkept(): void;
  /** The program has ended: what it has passed to others is closed as well. */
  close(): void;
}

export function createDirect({ kernel, service, key, leases, policy, clock, ttlMs, keeping, say, endService }: DirectSetup): Direct {
  const nonces = new NonceSet(MOST_NONCES);
  const held = new Map<bigint, Held>();
  const revoked = new Set<bigint>();
  const renewing = new Set<string>();
  const now = (): number => Math.floor(clock.wallMs() / 1000);
  let renewedMs = clock.monoMs();
  let bindingUntilMs = 0;
  const tell = (): void => keeping.tell(clock.monoMs() < bindingUntilMs, [...held.values()].map(({ place: { proto }, name }) => ({ proto, name })));

  function revoke(at: Held, because: string): void {
    held.delete(at.name.cookie);
    revoked.add(at.name.cookie);
    for (const oldest of revoked) if (revoked.size > MOST_REVOKED) revoked.delete(oldest);
    if (!shut(kernel, at.place.proto, at.name)) endService(`${placeKey(at.place)} can't be closed otherwise`);
    say(`${placeKey(at.place)} is closed: ${because}`);
  }

  /** A token for a place, used up. */
  async function taken(place: Place): Promise<{ readonly permit: Permit; readonly notAfter: number } | Denial | "absent"> {
    const answer = await leases.take(place);
    if ("none" in answer) {
      say(`no token for ${placeKey(place)}: ${answer.because}`);
      return answer.none === "absent" ? "absent" : denial(CODE_NO_TOKEN);
    }
    const tree = policy.tree();
    if (tree === null) return denial(CODE_NO_TOKEN);
    const valid = verifyToken(answer.token, { service, ...place, policy: tree }, now(), key, nonces);
    if (typeof valid === "number") return denial(valid);
    const decision = policy.permit(valid);
    return decision.allowed ? { permit: decision, notAfter: valid.notAfter } : decision;
  }

  async function renew(name: string, place: Place): Promise<void> {
    if (renewing.has(name)) return;
    renewing.add(name);
    const answer = await taken(place).finally(() => renewing.delete(name));
    const own = [...held.values()].filter((at) => placeKey(at.place) === name);
    if (answer === "absent") return;
    if ("permit" in answer) for (const at of own) at.notAfter = Math.max(at.notAfter, answer.notAfter);
    // ingressd may read a new policy later than the guard: asked again before the end.
    else if (answer.code !== denial(CODE_TOKEN_POLICY).code) for (const at of own) revoke(at, `its token is not renewed: ${answer.code}`);
  }

  function renewAll(): void {
    renewedMs = clock.monoMs();
    const places = new Map([...held.values()].map((at) => [placeKey(at.place), at]));
    for (const at of [...held.values()]) if (!isHeld(kernel, at.name)) held.delete(at.name.cookie);
    const left = new Set([...held.values()].map((at) => placeKey(at.place)));
    for (const [name, { place }] of places) {
      if (left.has(name)) void renew(name, place);
      // Its program has closed it.
      else leases.drop(name);
    }
  }

  return {
    async decide(place) {
      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);
      const answer = await taken(place);
      if (answer === "absent") return denial(CODE_NO_TOKEN);
      if (!("permit" in answer)) return answer;
      const { permit, notAfter } = answer;
      bindingUntilMs = clock.monoMs() + BINDING_MS;
      // INVARIANT: the keeper knows before there is a socket.
      tell();
      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);
      return {
        permit,
        done(name) {
          revoked.delete(name.cookie);
          held.set(name.cookie, { place, name, permit, notAfter });
          tell();
        },
      };
    },
    known(cookie) {
      if (revoked.has(cookie)) return denial(CODE_TOKEN_REVOKED);
      return held.get(cookie)?.permit ?? null;
    },
    tick() {
      tell();
      for (const at of [...held.values()]) if (now() >= at.notAfter) revoke(at, "its token's time is over, and no new one came");
      if (held.size > 0 && clock.monoMs() - renewedMs >= ttlMs / 3) renewAll();
    },
    reloaded() {
      for (const at of [...held.values()]) {
        const { proto, address, port } = at.place;
        if (policy.judge(proto, address, port).code !== "no_token") revoke(at, "the policy no longer grants it");
      }
      renewAll();
    },
    ended(name, because) {
      for (const at of [...held.values()]) if (placeKey(at.place) === name) revoke(at, because);
    },
    unkept() {
      const ports = [...held.values()];
      if (ports.length > 0 || clock.monoMs() < bindingUntilMs) endService("the guard's keeper has ended, and the program has a port under a token");
      for (const at of ports) revoke(at, "the guard's keeper has ended");
      say("the guard's keeper has ended: the program gets no further port under a token");
    },
    close() {
      for (const { place: { proto }, name } of held.values()) shut(kernel, proto, name);
      held.clear();
      bindingUntilMs = 0;
      tell();
    },
  };
}
