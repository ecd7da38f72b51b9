// Conversations with the session of gateway/kernel by a client of OpenSSL's own calls, step by step: names, certificates,
// protocols, new keys, aborts at every step, and errors that others left behind.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { EAGAIN, ECONNRESET } from "../../gateway/kernel/calls.ts";
import { TLS1_2_VERSION } from "../../gateway/kernel/openssl.ts";
import { made, MOST_CERTIFICATE_BYTES } from "../../gateway/kernel/tls_context.ts";
import { failedOutcome, judge } from "../../gateway/kernel/tls_outcome.ts";
import { selfSigned } from "../../gateway/kernel/tls_self_signed.ts";
import { MESSAGE, MOST_MESSAGES, type HandshakeStep } from "../../gateway/kernel/tls_session.ts";
import { MOST_RECORDS } from "../../gateway/kernel/tls_records.ts";
import type { Handshake } from "../../gateway/connection/transport.ts";
import { CLIENT, KERNEL, OPENSSL, pair, type Pair, type PeerSetup } from "./openssl_peer.ts";

const test = suite("openssl session");
const into = Buffer.alloc(16 * 1024);
const clock = { now: 0 };
const monoMs = (): number => clock.now;
const read = ({ session }: Pair): number => session.read(into, into.length, monoMs);

function within(setup: PeerSetup, run: (one: Pair) => void): void {
  const one = pair(setup);
  try {
    run(one);
  } finally {
    one.close();
  }
  assert.equal(made, { contexts: 0, sessions: 0 }, "nothing is left");
}

function wordOf(outcome: Handshake): string {
  return (
    "denial" in outcome ? `${outcome.denial.code}${outcome.detail === undefined ? "" : ` ${outcome.detail}`}`
    : outcome.identity === null ? "anybody"
    : "known"
  );
}

test("the name that OpenSSL has read must be the one that was decided about, also after a HelloRetryRequest", () => {
  const rows: readonly (readonly [first: string | undefined, second: string | undefined, said: string | null, due: string])[] = [
    ["a.test", undefined, "a.test", "anybody"],
    [undefined, undefined, null, "anybody"],
    ["a.test", undefined, "b.test", "tls_changed another name in a second hello"],
    ["a.test", undefined, "a.tes", "tls_changed another name in a second hello"],
    ["a.test", undefined, "a.test\0", "tls_changed another name in a second hello"],
    ["a.test", undefined, null, "tls_changed another name in a second hello"],
    [undefined, undefined, "a.test", "tls_changed another name in a second hello"],
    ["a.test", "a.test", "a.test", "anybody"],
    ["a.test", "b.test", "a.test", "tls_changed another name in a second hello"],
    ["a.test", "A.test", "a.test", "tls_changed another name in a second hello"],
  ];
  for (const [first, second, said, due] of rows) {
    // A first share of a group that is not served makes a second hello.
    within({ ...(first !== undefined && { name: first }), ...(second !== undefined && { groups: "X448:P-256" }) }, (one) => {
      assert.is(one.step(), "more");
      if (second !== undefined) one.rename(second);
      assert.is(one.handshake(), "done", String(first));
      assert.is(wordOf(judge(one.session, said)), due, `${first} ${second} ${said}`);
    });
  }
});

test("only a verified certificate is one", () => {
  const stranger = selfSigned("client");
  const rows: readonly (readonly [shows: typeof CLIENT | undefined, due: string])[] = [
    [CLIENT, "known"],
    [stranger, "certificate_refused DEPTH_ZERO_SELF_SIGNED_CERT"],
    [undefined, "no_certificate"],
  ];
  for (const most of [undefined, TLS1_2_VERSION]) {
    for (const [shows, due] of rows) {
      within({ trusted: CLIENT, ...(shows !== undefined && { shows }), ...(most !== undefined && { most }) }, (one) => {
        const step = one.handshake();
        const word = typeof step === "string" ? wordOf(judge(one.session, null)) : wordOf(failedOutcome(one.session, step.detail));
        // A key that signed itself with the name of another is a signature that does not verify.
        assert.ok(word === due || (due.startsWith("certificate_refused") && word.startsWith("certificate_refused ")), word);
      });
    }
  }
});

/** One that signs itself, with exactly so many bytes of DER: a signature takes 70 to 72 of them. */
function certificateOf(bytes: number): typeof CLIENT {
  for (let name = bytes - 300; ;) {
    const one = selfSigned("x".repeat(name));
    if (one.der.length === bytes) return one;
    // Twice in it, as who it is and who has signed it.
    name += (bytes - one.der.length) >> 1;
  }
}

test(`a client's certificates may have ${MOST_CERTIFICATE_BYTES} bytes, and not one more`, () => {
  for (const [most, around] of [
    // The length of a context, of the list, and of the certificate, and that of its extensions; in TLS 1.2 two lengths.
    [undefined, 1 + 3 + 3 + 2],
    [TLS1_2_VERSION, 3 + 3],
  ] as const) {
    for (const [more, due] of [
      [0, "known"],
      [1, "tls_failed ERR_SSL_EXCESSIVE_MESSAGE_SIZE"],
    ] as const) {
      const shows = certificateOf(MOST_CERTIFICATE_BYTES - around + more);
      within({ trusted: shows, shows, ...(most !== undefined && { most }) }, (one) => {
        let step = one.step();
        // It fills the socket pair more than once.
        for (let i = 0; i < 64 && step === "more"; i++) step = one.step();
        assert.is(typeof step === "string" ? wordOf(judge(one.session, null)) : wordOf(failedOutcome(one.session, step.detail)), due);
      });
    }
  }
});

test("a protocol is answered by preference, and a list without one in common gets an alert", () => {
  const rows: readonly (readonly [serves: readonly string[], offers: readonly string[], due: string | null])[] = [
    [["h2", "http/1.1"], ["http/1.1", "h2"], "h2"],
    [["h2", "http/1.1"], ["http/1.1"], "http/1.1"],
    [["h2"], ["http/1.1"], null],
    [["h2"], [], ""],
    [[], ["h2"], ""],
    [["x".repeat(255)], ["x".repeat(255)], "x".repeat(255)],
  ];
  for (const [serves, offers, due] of rows) {
    within({ serves, offers }, (one) => {
      if (due === null) assert.equal(one.handshake(), { detail: "ERR_SSL_NO_APPLICATION_PROTOCOL" });
      else assert.is(one.handshake(), "done");
      if (due !== null) assert.is(one.protocol(), due);
    });
  }
});

test(`${MOST_MESSAGES} records without data in a second are read, and one more ends the connection`, () =>
  within({}, (one) => {
    clock.now = 5_000;
    assert.is(one.handshake(), "done");
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < MOST_MESSAGES; i++) {
        one.keyUpdate();
        assert.is(read(one), MESSAGE, `${second} ${i}`);
      }
      assert.is(one.send("data"), 4);
      assert.is(read(one), 4, "what comes between is read");
      assert.is(read(one), -EAGAIN);
      clock.now += 1_000;
    }
    for (let i = 0; i <= MOST_MESSAGES; i++) one.keyUpdate();
    for (let i = 0; i < MOST_MESSAGES; i++) assert.is(read(one), MESSAGE);
    assert.is(read(one), -ECONNRESET);
  }));

test("a client that goes at any step is gone or has failed, and never served", () => {
  const ends: readonly (readonly [what: string, end: (fd: number) => void])[] = [
    ["both directions", (fd) => void KERNEL.shutdown(fd, 2)],
    ["its end", (fd) => void KERNEL.shutdown(fd, 1)],
    ["garbage", (fd) => void KERNEL.send(fd, Buffer.from("garbage that is no record"), 25, 0)],
    ["an alert", (fd) => void KERNEL.send(fd, Buffer.from([21, 3, 3, 0, 2, 2, 40]), 7, 0)],
    ["a close_notify in the clear", (fd) => void KERNEL.send(fd, Buffer.from([21, 3, 3, 0, 2, 1, 0]), 7, 0)],
  ];
  for (const trusted of [undefined, CLIENT]) {
    for (const most of [undefined, TLS1_2_VERSION]) {
      for (const [what, end] of ends) {
        for (let steps = 0; ; steps++) {
          const one = pair({ ...(trusted !== undefined && { trusted, shows: CLIENT }), ...(most !== undefined && { most }) });
          let step: HandshakeStep = "more";
          for (let i = 0; i < steps && step === "more"; i++) step = one.step();
          const isOver = step !== "more";
          if (!isOver) {
            end(one.fds[1]);
            step = one.session.handshake();
            // An end in the middle may come behind a whole flight.
            for (let i = 0; i < 4 && step === "more"; i++) step = one.session.handshake();
            assert.ok(step === "gone" || typeof step === "object", `${what} after ${steps}: ${JSON.stringify(step)}`);
            assert.is(one.session.handshake() === "done", false, "nor later");
          }
          one.close();
          if (isOver) break;
        }
      }
    }
  }
  assert.equal(made, { contexts: 0, sessions: 0 });
});

test("a close_notify is an end, and a transport that ends without one is a break", () => {
  within({}, (one) => {
    assert.is(one.handshake(), "done");
    one.send("all");
    OPENSSL.SSL_shutdown(one.peer);
    assert.equal([read(one), read(one), read(one)], [3, 0, 0]);
    assert.is(one.session.write(Buffer.from("answer"), 6), 6, "the other direction is still open");
  });
  within({}, (one) => {
    assert.is(one.handshake(), "done");
    one.send("half");
    KERNEL.shutdown(one.fds[1], 1);
    assert.equal([read(one), read(one)], [4, -ECONNRESET]);
  });
});

test("a hello after the handshake of TLS 1.2 is refused by a warning, and ends the connection where it comes in too many records", () => {
  // A warning, the number of its record, its two bytes and their tag.
  const warningBytes = 5 + 8 + 2 + 16;
  for (const trusted of [undefined, CLIENT]) {
    // The warning is a record, too.
    for (const [records, due, answered] of [
      [1, MESSAGE, warningBytes],
      [MOST_RECORDS - 1, MESSAGE, warningBytes],
      [MOST_RECORDS, -ECONNRESET, warningBytes],
      [MOST_RECORDS + 1, -ECONNRESET, -EAGAIN],
      [100, -ECONNRESET, -EAGAIN],
    ] as const) {
      within({ most: TLS1_2_VERSION, ...(trusted !== undefined && { trusted, shows: CLIENT }) }, (one) => {
        assert.is(one.handshake(), "done");
        one.helloAgain(records);
        assert.is(read(one), due, `${records} records`);
        assert.is(KERNEL.recv(one.fds[1], into, into.length, 0), answered, `${records} records: the warning`);
        assert.is(read(one), due === MESSAGE ? -EAGAIN : -ECONNRESET, `${records} records: and so it stays`);
        assert.is(OPENSSL.SSL_session_reused(one.session.handle), 0);
      });
    }
  }
});

test("the bound is the same where the warnings can't be sent", () =>
  within({ most: TLS1_2_VERSION }, (one) => {
    assert.is(one.handshake(), "done");
    one.helloAgain(MOST_RECORDS + 1);
    while (one.session.write(into, into.length) > 0);
    assert.is(read(one), -ECONNRESET);
  }));

test("records with data are served, however many come at once", () =>
  within({ most: TLS1_2_VERSION }, (one) => {
    assert.is(one.handshake(), "done");
    for (let i = 0; i < 3 * MOST_RECORDS; i++) one.send("data");
    for (let i = 0; i < 3 * MOST_RECORDS; i++) assert.is(read(one), 4);
    assert.is(read(one), -EAGAIN);
  }));

test("an error that somebody else left on the thread changes nothing", () =>
  within({}, (one) => {
    const spoil = (): void => {
      assert.is(OPENSSL.certificateOf(Buffer.from("no certificate")), 0);
      assert.not.equal(OPENSSL.ERR_peek_error(), 0);
    };
    for (let i = 0; i < 8; i++) {
      OPENSSL.ERR_clear_error();
      OPENSSL.SSL_do_handshake(one.peer);
      spoil();
      const step = one.session.handshake();
      if (step === "done") break;
      assert.is(step, "more");
    }
    spoil();
    assert.is(read(one), -EAGAIN);
    spoil();
    assert.is(one.session.write(Buffer.from("x"), 1), 1);
    spoil();
    assert.is(one.session.finish(), 0);
  }));

test("a session that is freed answers as at a broken connection, and is freed once", () => {
  const one = pair();
  assert.is(one.handshake(), "done");
  one.session.free();
  one.session.free();
  assert.equal(
    [one.session.handle, one.session.handshake(), read(one), one.session.write(into, 1), one.session.finish()],
    [0, "gone", -ECONNRESET, -ECONNRESET, -ECONNRESET],
  );
  assert.is(made.sessions, 0);
  one.session.context.free();
  assert.is(one.session.context.newSession(), 0, "a context that is freed begins nothing");
  one.close();
});

test.run();
