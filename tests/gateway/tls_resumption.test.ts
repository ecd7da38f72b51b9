// `as tls` a client that comes back with what it got before is served, by every way of resuming and whatever
// name it sends then; the name that decides is that of the hello that resumes. No session is good at another
// expose, or after the certificate was renewed: there it is a handshake of its own.
import { constants } from "node:crypto";
import { connect } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { TICKET_KEYS_MS } from "../../gateway/tls/kept_contexts.ts";
import { dns, leaf } from "../tls/certificates.ts";
import { lastAccept, put, read, SERVED, within, type Came, type Setting } from "../tls/tls_under_test.ts";
import { freePort, moduleOf } from "./gateway_under_test.ts";

const test = suite("tls resumption");

interface Way {
  readonly what: string;
  /** Whether a session that is offered is taken up. */
  readonly resumes: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly secureOptions?: number;
}

const WAYS: readonly Way[] = [
  { what: "TLS 1.2, ticket", resumes: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
  // Session ids are not kept: a full handshake.
  { what: "TLS 1.2, session id", resumes: false, minVersion: "TLSv1.2", maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET },
  { what: "TLS 1.3, ticket", resumes: true, minVersion: "TLSv1.3", maxVersion: "TLSv1.3" },
];

async function visit(
  { port, site }: Pick<Setting, "port" | "site">,
  { what: _, resumes: __, ...options }: Way,
  name: string,
  offered?: Buffer | null,
): Promise<Came & { readonly session: Buffer | null }> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    ca: site.pem,
    checkServerIdentity: () => undefined,
    ...options,
    ...(name !== "" && { servername: name }),
    ...(offered !== undefined && offered !== null && { session: offered }),
  });
  let session: Buffer | null = null;
  socket.once("data", () => {
    session = socket.getSession() ?? null;
  });
  const came = await read(socket);
  return { ...came, session: came.sessions.at(-1) ?? session };
}

/** The engine of TLS that serves. */
async function engineOf({ gateway }: Setting): Promise<unknown> {
  const control = await gateway.control();
  const status: unknown = await control.call("status", {});
  control.close();
  const found = JSON.stringify(status).match(/"tls":\{"engine":"(\w+)"/);
  return found?.[1];
}

const WWW = "www.example.com";
const OPEN = "allow from any";

for (const way of WAYS) {
  test(`${way.what}: any name is served again, and is the one that is recorded`, () =>
    within(OPEN, { mode: "tls" }, async (s) => {
      for (const first of [WWW, ""]) {
        for (const second of [WWW, "a.apps.example.com", "", "192.0.2.7"]) {
          // Node refuses to send an address as a name.
          const name = second === "192.0.2.7" ? "127.1" : second;
          const before = await visit(s, way, first);
          assert.is(before.got, SERVED, `${first}: the first visit`);
          const again = await visit(s, way, name, before.session);
          assert.is(again.got, SERVED, `${first}, then ${name}`);
          // With another name it may be a handshake of its own: newer releases of Node tie a session to its name.
          if (name === first) assert.is(again.reused, way.resumes, name);
          assert.is((await lastAccept(s)).sni, name === "" || name === "127.1" ? undefined : name);
          const third = await visit(s, way, first, before.session);
          assert.equal([third.got, third.reused], [SERVED, way.resumes], `${first}, and once more`);
        }
      }
    }));

  test(`${way.what}: where names decide it is the name of the hello that resumes`, () =>
    within(`allow from any sni "${WWW}"`, { mode: "tls" }, async (s) => {
      const before = await visit(s, way, WWW);
      for (const [name, code] of [
        ["a.apps.example.com", "no_name"],
        ["", "no_name"],
        ["127.1", "hello_malformed"],
      ] as const) {
        const came = await visit(s, way, name, before.session);
        assert.equal([came.got, (await lastAccept(s)).code], ["", code], name);
      }
      const again = await visit(s, way, WWW, before.session);
      assert.equal([again.got, again.reused], [SERVED, way.resumes]);
      assert.is((await visit(s, way, `${WWW}.`, before.session)).got, SERVED, "a dot behind it is left out here");
    }));

  test(`${way.what}: over a reload it is taken up, over a renewal of the certificate it is not`, () =>
    within(OPEN, { mode: "tls" }, async (s) => {
      const before = await visit(s, way, WWW);
      s.gateway.place(moduleOf(s.policy(`${OPEN}\n  deny from 192.0.2.0/24`)));
      await s.gateway.daemon.reload();
      const over = await visit(s, way, WWW, before.session);
      assert.equal([over.got, over.reused], [SERVED, way.resumes]);
      put(s.folder, "web", leaf(s.site, { names: [dns(WWW)] }));
      await s.gateway.daemon.renew();
      const renewed = await visit(s, way, WWW, over.session);
      assert.equal([renewed.got, renewed.reused], [SERVED, false]);
      s.gateway.place(moduleOf(s.policy("allow from 192.0.2.0/24")));
      await s.gateway.daemon.reload();
      assert.equal(
        [(await visit(s, way, WWW, renewed.session)).got, (await lastAccept(s)).code],
        ["", "no_match"],
        "who is refused now is refused with a session too",
      );
    }));

  // Half a day of the gateway's ticks takes seconds: only where there are tickets.
  if (way.resumes)
    test(`${way.what}: keys of tickets are replaced every 12 hours, and a ticket is good until the second time`, () =>
      within(OPEN, { mode: "tls" }, async (s) => {
        // Node's engine has no keys before.
        const keepsBefore = (await engineOf(s)) === "openssl";
        const first = await visit(s, way, WWW);
        s.gateway.clock.advance(TICKET_KEYS_MS);
        const over = await visit(s, way, WWW, first.session);
        assert.equal([over.got, over.reused], [SERVED, keepsBefore], "once");
        const again = await visit(s, way, WWW, first.session);
        assert.equal([again.got, again.reused], [SERVED, keepsBefore], "and again");
        s.gateway.clock.advance(TICKET_KEYS_MS);
        const late = await visit(s, way, WWW, first.session);
        assert.equal([late.got, late.reused], [SERVED, false], "twice");
        const fresh = await visit(s, way, WWW, late.session);
        assert.equal([fresh.got, fresh.reused], [SERVED, true], "what it got then is good");
        put(s.folder, "web", leaf(s.site, { names: [dns(WWW)] }));
        await s.gateway.daemon.renew();
        const renewed = await visit(s, way, WWW, fresh.session);
        assert.equal([renewed.got, renewed.reused], [SERVED, false], "not after a renewal");
      }));

  test(`${way.what}: a session of one expose is not taken up at another`, () =>
    within(OPEN, { mode: "tls" }, async (s) => {
      const port = await freePort();
      s.gateway.place(moduleOf(`${s.policy(OPEN)}\nexpose second on tcp ${port} as tls { backend 127.0.0.1:${s.behind.port} cert "web" ${OPEN} }`));
      await s.gateway.daemon.reload();
      const second = { port, site: s.site };
      for (const [from, to] of [
        [s, second],
        [second, s],
      ] as const) {
        const before = await visit(from, way, WWW);
        const there = await visit(to, way, WWW, before.session);
        assert.equal([there.got, there.reused], [SERVED, false]);
        const back = await visit(from, way, WWW, before.session);
        assert.equal([back.got, back.reused], [SERVED, way.resumes], "and is still good where it is from");
      }
    }));
}

test.run();
