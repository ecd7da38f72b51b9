// The keys of session tickets: which tickets they are good for, in contexts of one expose and of two, before and after they
// are replaced; and what happens where OpenSSL doesn't take them.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { EAGAIN } from "../../gateway/kernel/calls.ts";
import { SSL_CTRL_SET_TLSEXT_TICKET_KEYS, TLS1_2_VERSION, type Handle, type OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { made, OpensslContext } from "../../gateway/kernel/tls_context.ts";
import { TICKET_KEY_BYTES, TicketKeys } from "../../gateway/kernel/tls_tickets.ts";
import { TlsSession } from "../../gateway/kernel/tls_session.ts";
import { createCredentials } from "../../gateway/tls/credentials.ts";
import { TICKET_KEYS_MS } from "../../gateway/tls/kept_contexts.ts";
import type { NativeContext } from "../../gateway/tls/secure.ts";
import { moduleOf, manualClock, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { loadModule } from "../../runtime/host/library.ts";
import { OPENSSL, pair, released, SERVER, type PeerSetup } from "./openssl_peer.ts";
import { authority, dns, leaf } from "./certificates.ts";
import { put } from "./tls_under_test.ts";

const test = suite("openssl tickets");
const VERSIONS = [undefined, TLS1_2_VERSION] as const;

/** Whether the session was taken up, and what the client could resume next. */
function visit(setup: PeerSetup): { readonly reused: boolean; readonly next: Handle } {
  const one = pair(setup);
  try {
    assert.is(one.handshake(), "done");
    return { reused: one.isReused(), next: one.kept() };
  } finally {
    one.close();
  }
}

function whileKept(first: PeerSetup, run: (session: Handle) => void): void {
  const { reused, next } = visit(first);
  assert.is(reused, false);
  try {
    run(next);
  } finally {
    released(next);
  }
  assert.equal(made, { contexts: 0, sessions: 0 });
}

for (const version of VERSIONS) {
  const most = version === undefined ? {} : { most: version };
  const named = version === undefined ? "TLS 1.3" : "TLS 1.2";
  const isReused = (tickets: TicketKeys, resumes: Handle, more: PeerSetup = {}): boolean => {
    const { reused, next } = visit({ ...most, ...more, tickets, resumes });
    released(next);
    return reused;
  };

  test(`${named}: a ticket is good until its keys were replaced twice`, () => {
    const tickets = TicketKeys.create();
    whileKept({ ...most, tickets }, (session) => {
      assert.is(isReused(tickets, session), true, "the same keys");
      tickets.rotate();
      assert.is(isReused(tickets, session), true, "the keys before");
      assert.is(isReused(tickets, session), true, "and once more, so the context got its own back");
      tickets.rotate();
      assert.is(isReused(tickets, session), false, "the keys before those");
    });
  });

  test(`${named}: what is resumed by keys of before, or is new, gets a ticket of the new ones`, () => {
    const tickets = TicketKeys.create();
    whileKept({ ...most, tickets }, (session) => {
      tickets.rotate();
      const over = visit({ ...most, tickets, resumes: session });
      assert.is(over.reused, true);
      const fresh = visit({ ...most, tickets });
      tickets.rotate();
      // TLS 1.2 gives no ticket where it resumes, so the client still has its first one.
      assert.equal([isReused(tickets, over.next), isReused(tickets, fresh.next)], [version === undefined, true]);
      for (const one of [over.next, fresh.next]) released(one);
    });
  });

  test(`${named}: a thread with a copy of the keys takes the ticket up, before and after they are replaced; other keys don't`, () => {
    const tickets = TicketKeys.create();

    const copy = (): TicketKeys => {
      const copied = TicketKeys.from(tickets.bytes());
      if (copied === null) throw new Error("no copy");
      return copied;
    };
    whileKept({ ...most, tickets }, (session) => {
      assert.is(isReused(copy(), session), true);
      tickets.rotate();
      assert.is(isReused(copy(), session), true);
      const other = TicketKeys.create();
      assert.is(isReused(other, session), false, "another expose");
      other.rotate();
      assert.is(isReused(other, session), false, "whose keys were replaced");
      // The same keys, and another id.
      const bytes = Buffer.from(tickets.bytes());
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      const renamed = TicketKeys.from(bytes);
      assert.ok(renamed);
      const one = pair({ ...most, tickets: renamed, resumes: session });
      assert.not.equal(one.handshake(), "more");
      assert.is(one.isReused(), false, "the same keys with another id");
      one.close();
    });
  });

  test(`${named}: a second hello with a ticket of the keys before is a handshake of its own`, () => {
    const tickets = TicketKeys.create();
    whileKept({ ...most, tickets }, (session) => {
      tickets.rotate();
      const reused = isReused(tickets, session, { groups: "X448:P-256" });
      assert.is(reused, version !== undefined, "only TLS 1.3 has a second hello");
    });
  });
}

test("early data is refused and never read, with a ticket of the keys now and of those before", () => {
  const tickets = TicketKeys.create();
  const { next } = visit({ tickets });
  for (const rotations of [0, 1]) {
    if (rotations > 0) tickets.rotate();
    const one = pair({ tickets, resumes: next, early: "DELETE /" });
    assert.is(one.handshake(), "done");
    assert.equal([one.isReused(), one.early()], [true, "rejected"]);
    one.send("late");
    const into = Buffer.alloc(64);
    const reads = [one.session.read(into, into.length, () => 0), one.session.read(into, into.length, () => 0)];
    assert.equal([reads, into.toString("latin1", 0, 4)], [[4, -EAGAIN], "late"]);
    one.close();
  }
  released(next);
  assert.equal(made, { contexts: 0, sessions: 0 });
});

test("where a certificate is requested there is nothing to take up, whatever the keys", () => {
  const tickets = TicketKeys.create();
  for (const most of VERSIONS) {
    const setup = { tickets, trusted: SERVER, shows: SERVER, ...(most !== undefined && { most }) };
    whileKept(setup, (session) => {
      const again = visit({ ...setup, resumes: session });
      released(again.next);
      assert.is(again.reused, false);
    });
  }
});

test("the copy of keys is whole or none", () => {
  const tickets = TicketKeys.create();
  const before = tickets.bytes();
  assert.is(before.length, 16 + 1 + 2 * TICKET_KEY_BYTES);
  for (const length of [0, before.length - 1, before.length + 1]) assert.is(TicketKeys.from(Buffer.alloc(length)), null, `${length} bytes`);
  const copy = TicketKeys.from(before);
  assert.equal([copy?.bytes(), copy?.previous], [before, null]);
  const first = Buffer.from(tickets.current);
  tickets.rotate();
  assert.ok(tickets.previous !== null && first.equals(tickets.previous) && !first.equals(tickets.current));
  assert.equal(TicketKeys.from(tickets.bytes())?.bytes(), tickets.bytes());
  const { previous } = tickets;
  tickets.rotate();
  assert.ok(previous !== null && Buffer.alloc(TICKET_KEY_BYTES).equals(previous), "what is over is overwritten");
  assert.ok(copy !== null && Buffer.from(copy.current).equals(first), "a copy is a copy");
});

test("only the name of the keys before is looked for, and that of the keys now changes nothing", () => {
  const tickets = TicketKeys.create();
  const name = (keys: Uint8Array): Buffer => Buffer.concat([Buffer.alloc(9), Buffer.from(keys.subarray(0, 16)), Buffer.alloc(9)]);
  const first = name(tickets.current);
  assert.is(tickets.mayBeOfPrevious(first), false);
  tickets.rotate();
  assert.equal(
    [first, name(tickets.current), first.subarray(0, 24), Buffer.alloc(0)].map((hello) => tickets.mayBeOfPrevious(hello)),
    [true, false, false, false],
  );
});

/** The calls, of which those that set the keys of tickets fail from the one with this number on. */
function losingKeys(from: number, how: "refused" | "thrown"): OpensslCalls {
  let sets = 0;
  return {
    ...OPENSSL,
    SSL_CTX_ctrl_bytes(context, command, value, bytes) {
      if (command === SSL_CTRL_SET_TLSEXT_TICKET_KEYS && ++sets >= from) {
        if (how === "thrown") throw new Error("no keys");
        return 0;
      }
      return OPENSSL.SSL_CTX_ctrl_bytes(context, command, value, bytes);
    },
  };
}

test("a context that doesn't get its keys back begins nothing any more; one that doesn't take those before makes a handshake of its own", () => {
  for (const how of ["refused", "thrown"] as const) {
    const tickets = TicketKeys.create();
    whileKept({ tickets }, (session) => {
      tickets.rotate();
      // The first is the context's making.
      const back = pair({ calls: losingKeys(3, how), tickets, resumes: session });
      const step = (): unknown => back.session.handshake();
      if (how === "thrown") assert.throws(step, "no keys");
      else step();
      assert.is(back.session.context.newSession(), 0, how);
      assert.is(TlsSession.accept(back.session.context, back.fds[0], []), null);
      back.close();
      if (how === "thrown") return;
      const before = pair({ calls: losingKeys(2, how), tickets, resumes: session });
      assert.is(before.handshake(), "done");
      assert.is(before.isReused(), false);
      before.close();
    });
  }
  const context = OpensslContext.create({ calls: losingKeys(2, "refused"), shown: SERVER, trusted: null });
  assert.ok(context.ok && !context.value.rotateTickets(), "new keys that are refused are noticed");
  if (context.ok) context.value.free();
});

test("the store replaces keys after their time, twice where nobody came for longer, and makes a context anew where that fails", async () => {
  const folder = temporaryFolder();
  put(folder, "web", leaf(authority("site root"), { names: [dns("www.example.com")] }));
  const [clock, log] = [manualClock(), [] as string[]];
  let [works, number] = [true, 0];
  const context = (): NativeContext => {
    const name = `context ${++number}`;
    return {
      rotateTickets: () => (log.push(`${name} rotates`), works),
      free: () => void log.push(`${name} is freed`),
    };
  };
  const credentials = createCredentials(
    { certs: { web: { cert: `${folder}/web.pem`, key: `${folder}/web.key` } }, cas: {}, on_bad_certificate: "refuse" },
    clock,
    (sentence) => void log.push(sentence),
    () => ({ native: { context: () => ({ ok: true, value: context() }) }, because: null }),
  );
  const loaded = loadModule(moduleOf('edition 1\nexpose web on tcp 443 as tls { backend 127.0.0.1:1 cert "web" allow from any }'));
  if (!loaded.ok) throw new Error(loaded.error.code);
  const [info] = loaded.value.info.listeners;
  if (info === undefined) throw new Error("no expose");
  const part = await credentials.participant.prepare(loaded.value.info);
  assert.ok(part.ok);
  await part.value.commit();
  const native = (): NativeContext => {
    const found = credentials.contextOf(info);
    if (typeof found === "string" || found.native === undefined) throw new Error("no context");
    return found.native;
  };
  const first = native();
  clock.advance(TICKET_KEYS_MS - 1);
  credentials.rotateTickets();
  assert.equal([native() === first, log.splice(0)], [true, []]);
  clock.advance(1);
  credentials.rotateTickets();
  assert.equal([native() === first, log.splice(0)], [true, ["context 1 rotates"]]);
  clock.advance(TICKET_KEYS_MS);
  assert.equal([native() === first, log.splice(0)], [true, ["context 1 rotates"]], "also without a tick");
  clock.advance(2 * TICKET_KEYS_MS);
  assert.equal([native() === first, log.splice(0)], [true, ["context 1 rotates", "context 1 rotates"]]);
  clock.advance(TICKET_KEYS_MS);
  works = false;
  credentials.rotateTickets();
  assert.equal(log.splice(0), ["context 1 rotates", "context 1 is freed"]);
  assert.is(native() === first, false);
  assert.equal(log, []);
  credentials.close();
  assert.equal(log, ["context 2 is freed"]);
});

test.run();
