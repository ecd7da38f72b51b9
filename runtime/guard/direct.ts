// Binds that the policy grants with a token alone: the token comes from ingressd, is verified here and is used
// up by one bind. A socket that is bound with one is remembered, and is closed when its permission ends: by unregistering, by a policy
// that no longer grants it, or because no new token came in time.
import { denial, type Decision, type Denial, type Permit } from "../host/decision.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { NonceSet, verifyToken } from "../host/token.ts";
import { CODE_GUARD_UNKEPT, CODE_NO_TOKEN, CODE_TOKEN_POLICY, CODE_TOKEN_REVOKED } from "../abi/verdicts.ts";
import type { Moments } from "../shell/clock.ts";
import type { Keeping } from "./keeping.ts";
import type { Kernel } from "./kernel.ts";
import { placeKey, type Leases, type Place } from "./leases.ts";
import type { TokenBinds } from "./bind_permission.ts";
import type { GuardPolicy } from "./policy.ts";
import { isOpenSomewhere, shut, type SocketName } from "./sockets.ts";

/** Tokens that were used and have not ended. */
const MOST_NONCES = 65_536;
/** Sockets that are remembered after their permission was revoked; more could only listen with a new token. */
const MOST_REVOKED = 1_024;
/** After a permission the keeper assumes for so long that there is a socket; the bind itself follows at once. */
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

interface TokenSocket {
  readonly place: Place;
  readonly name: SocketName;
  readonly permit: Permit;
  /** UTC seconds. */
  notAfter: number;
}

export interface Direct extends TokenBinds {
  /** To be called some times a second: renews what continues and closes what has ended. */
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

/** The sockets that were bound with tokens. */
interface Sockets {
  all(): readonly TokenSocket[];
  of(name: string): readonly TokenSocket[];
  /** Reports them to the keeper. */
  readonly notify: () => void;
  /** A socket is about to be bound. */
  expect(): void;
  isExpecting(): boolean;
  add(at: TokenSocket): void;
  /** Its program has closed it. */
  forget(at: TokenSocket): void;
  /** Closes it, or ends the program where that can't be done. */
  readonly revoke: (at: TokenSocket, because: string) => void;
  known(cookie: bigint): Decision | null;
  closeAll(): void;
}

function createSockets({ kernel, clock, keeping, say, endService }: DirectSetup): Sockets {
  const tokenSockets = new Map<bigint, TokenSocket>();
  const revoked = new Set<bigint>();
  let bindingUntilMs = 0;
  const notify = (): void =>
    keeping.report(
      clock.monoMs() < bindingUntilMs,
      [...tokenSockets.values()].map(({ place: { proto }, name }) => ({ proto, name })),
    );
  return {
    notify: notify,
    all: () => [...tokenSockets.values()],
    of: (name) => [...tokenSockets.values()].filter((at) => placeKey(at.place) === name),
    expect() {
      bindingUntilMs = clock.monoMs() + BINDING_MS;
    },
    isExpecting: () => clock.monoMs() < bindingUntilMs,
    add(at) {
      revoked.delete(at.name.cookie);
      tokenSockets.set(at.name.cookie, at);
      notify();
    },
    forget: (at) => void tokenSockets.delete(at.name.cookie),
    revoke(at, because) {
      tokenSockets.delete(at.name.cookie);
      revoked.add(at.name.cookie);
      for (const oldest of revoked) if (revoked.size > MOST_REVOKED) revoked.delete(oldest);
      if (!shut(kernel, at.place.proto, at.name)) endService(`${placeKey(at.place)} can't be closed otherwise`);
      say(`${placeKey(at.place)} is closed: ${because}`);
    },
    known(cookie) {
      if (revoked.has(cookie)) return denial(CODE_TOKEN_REVOKED);
      return tokenSockets.get(cookie)?.permit ?? null;
    },
    closeAll() {
      for (const {
        place: { proto },
        name,
      } of tokenSockets.values())
        shut(kernel, proto, name);
      tokenSockets.clear();
      bindingUntilMs = 0;
      notify();
    },
  };
}

interface Used {
  readonly permit: Permit;
  readonly notAfter: number;
}

/** Gets a token for a place and uses it up. `absent`: ingressd gave no answer. */
type UseToken = (place: Place) => Promise<Result<Used, Denial | "absent">>;

function createUse({ service, key, leases, policy, clock, say }: DirectSetup): UseToken {
  const nonces = new NonceSet(MOST_NONCES);
  return async (place) => {
    const answer = await leases.take(place);
    if (!answer.ok) {
      say(`no token for ${placeKey(place)}: ${answer.error.because}`);
      return failed(answer.error.kind === "absent" ? "absent" : denial(CODE_NO_TOKEN));
    }
    const tree = policy.tree();
    if (tree === null) return failed(denial(CODE_NO_TOKEN));
    const valid = verifyToken(answer.value, { service, ...place, policy: tree }, secondsOf(clock), key, nonces);
    if (typeof valid === "number") return failed(denial(valid));
    const decision = policy.permit(valid);
    return decision.allowed ? ok({ permit: decision, notAfter: valid.notAfter }) : failed(decision);
  };
}

const secondsOf = (clock: Moments): number => Math.floor(clock.wallMs() / 1000);

export function createDirect(setup: DirectSetup): Direct {
  const { kernel, leases, policy, clock, ttlMs, keeping, say, endService } = setup;
  const sockets = createSockets(setup);
  const use = createUse(setup);
  const { notify: notify, revoke } = sockets;
  const renewing = new Set<string>();
  let renewedMs = clock.monoMs();

  async function renew(name: string, place: Place): Promise<void> {
    if (renewing.has(name)) return;
    renewing.add(name);
    const answer = await use(place).finally(() => renewing.delete(name));
    const own = sockets.of(name);
    if (answer.ok) for (const at of own) at.notAfter = Math.max(at.notAfter, answer.value.notAfter);
    // ingressd may read a new policy later than the guard: the next renewal asks again, before the end.
    else if (answer.error !== "absent" && answer.error.code !== denial(CODE_TOKEN_POLICY).code)
      for (const at of own) revoke(at, `its token is not renewed: ${answer.error.code}`);
  }

  function renewAll(): void {
    renewedMs = clock.monoMs();
    const places = new Map(sockets.all().map((at) => [placeKey(at.place), at]));
    for (const at of sockets.all()) if (!isOpenSomewhere(kernel, at.name)) sockets.forget(at);
    const left = new Set(sockets.all().map((at) => placeKey(at.place)));
    for (const [name, { place }] of places) {
      if (left.has(name)) void renew(name, place);
      // Its program has closed it.
      else leases.drop(name);
    }
  }

  return {
    async decide(place) {
      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);
      const answer = await use(place);
      if (!answer.ok) return answer.error === "absent" ? denial(CODE_NO_TOKEN) : answer.error;
      const { permit, notAfter } = answer.value;
      sockets.expect();
      // INVARIANT: the keeper knows before there is a socket.
      notify();
      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);
      return { permit, done: (name) => sockets.add({ place, name, permit, notAfter }) };
    },
    known: (cookie) => sockets.known(cookie),
    tick() {
      notify();
      const now = secondsOf(clock);
      for (const at of sockets.all()) if (now >= at.notAfter) revoke(at, "its token's time is over, and no new one came");
      if (sockets.all().length > 0 && clock.monoMs() - renewedMs >= ttlMs / 3) renewAll();
    },
    reloaded() {
      for (const at of sockets.all()) {
        const { proto, address, port } = at.place;
        if (policy.judge(proto, address, port).code !== "no_token") revoke(at, "the policy no longer grants it");
      }
      renewAll();
    },
    ended(name, because) {
      for (const at of sockets.of(name)) revoke(at, because);
    },
    unkept() {
      const ports = sockets.all();
      if (ports.length > 0 || sockets.isExpecting()) endService("the guard's keeper has ended, and the program has a port under a token");
      for (const at of ports) revoke(at, "the guard's keeper has ended");
      say("the guard's keeper has ended: the program gets no further port under a token");
    },
    close: () => sockets.closeAll(),
  };
}
