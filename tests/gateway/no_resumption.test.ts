// A client that needs a certificate presents it at every connection: the gateway resumes no earlier session,
// at no listener and in no form. A row counts only because the backend's
// bytes arrived both before and after, in a handshake of its own.
import { constants } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { authority, dns, leaf, uri, type Issued } from "../tls/certificates.ts";
import { call, lastAccept, putAuthority, read, SERVED, within, type Came, type Setting } from "../tls/tls_under_test.ts";
import { freePort, moduleOf, portOf } from "./gateway_under_test.ts";

const test = suite("no resumption");
const OPS = "spiffe://corp.example/ops/web";
const RULES = `allow from any client uri "${OPS}"`;

interface Way {
  readonly what: string;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly secureOptions?: number;
}

const WAYS: readonly Way[] = [
  { what: "TLS 1.2, ticket", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
  { what: "TLS 1.2, session id", minVersion: "TLSv1.2", maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET },
  { what: "TLS 1.3, ticket", minVersion: "TLSv1.3", maxVersion: "TLSv1.3" },
];

interface Visit extends Came {
  readonly session: Buffer | null;
}

/** Connects, offers a session where there is one, and keeps what a later connection could offer. */
async function visit(
  at: { readonly port: number; readonly site: Setting["site"] },
  way: Way,
  name: string,
  certificate: Issued | undefined,
  offered?: Buffer,
): Promise<Visit> {
  const { what: _, ...options } = way;
  const socket: TLSSocket = connect({
    port: at.port,
    host: "127.0.0.1",
    ca: at.site.pem,
    checkServerIdentity: () => undefined,
    ...options,
    ...(name !== "" && { servername: name }),
    ...(certificate !== undefined && { cert: certificate.pem, key: certificate.key }),
    ...(offered !== undefined && { session: offered }),
  });
  let session: Buffer | null = null;
  socket.once("data", () => {
    session = socket.getSession() ?? null;
  });
  const came = await read(socket);
  return { ...came, session: came.sessions.at(-1) ?? session };
}

for (const way of WAYS) {
  test(way.what, () =>
    within(RULES, { more: '[cas.other]\nfile = "FOLDER/other.pem"\n' }, async (s) => {
      const own = s.issue({ names: [uri(OPS)] });
      const other = authority("another root");
      const otherPort = await freePort();
      const otherListener = `expose second on tcp ${otherPort} as mtls { backend 127.0.0.1:${s.behind.port} cert "web" ca "other" ${RULES} }`;
      const both = `${s.policy(RULES)}\n${otherListener}`;
      // Waits for its file: until then the policy that names it is refused.
      const second = { port: otherPort, site: s.site };
      const known = leaf(other, { names: [uri(OPS)] });
      const situations: readonly (readonly [what: string, at: typeof second, name: string, change: () => Promise<unknown>, certificate: Issued])[] = [
        ["the same name again", s, "www.example.com", async () => undefined, own],
        ["another name", s, "a.apps.example.com", async () => undefined, own],
        ["no name", s, "", async () => undefined, own],
        ["an unknown name", s, "unknown.example", async () => undefined, own],
        ["over a reload of the policy", s, "www.example.com", () => s.gateway.daemon.reload(), own],
        ["at the name of another authority", second, "www.example.com", async () => undefined, known],
      ];
      s.gateway.place(moduleOf(both));
      putAuthority(s.folder, "other", other);
      await s.gateway.daemon.reload();
      for (const [what, at, name, change, certificate] of situations) {
        const before = await visit(s, way, "www.example.com", own);
        assert.is(before.got, SERVED, `${what}: the first was served`);
        await change();
        const again = await visit(at, way, name, certificate, before.session ?? undefined);
        assert.equal([again.got, again.reused], [SERVED, false], `${what}: served, in a handshake of its own`);
        const bare = await visit(at, way, name, undefined, before.session ?? undefined);
        assert.equal([bare.got, bare.reused, (await lastAccept(s)).code], ["", false, "no_certificate"], `${what}: without the certificate`);
        if (certificate === own) continue;
        const wrong = await visit(at, way, name, own, before.session ?? undefined);
        assert.equal([wrong.got, (await lastAccept(s)).code], ["", "certificate_refused"], `${what}: with the certificate of the first`);
      }
      // Over an exchange of the authority.
      const before = await visit(s, way, "www.example.com", own);
      assert.is(before.got, SERVED);
      putAuthority(s.folder, "corp", other);
      await s.gateway.daemon.renew();
      for (const [certificate, code] of [
        [own, "certificate_refused"],
        [undefined, "no_certificate"],
      ] as const) {
        const after = await visit(s, way, "www.example.com", certificate, before.session ?? undefined);
        assert.equal([after.got, after.reused, (await lastAccept(s)).code], ["", false, code]);
      }
      const renewed = await visit(s, way, "www.example.com", known, before.session ?? undefined);
      assert.equal([renewed.got, renewed.reused], [SERVED, false]);
    }),
  );

  test(`${way.what}: a server that resumes is noticed`, async () => {
    const site = authority("site root");
    const { pem, key } = leaf(site, { names: [dns("www.example.com")] });
    const sessions = new Map<string, Buffer>();
    const server = createServer({ cert: pem, key, allowHalfOpen: true, secureOptions: way.secureOptions ?? 0 }, (socket) => {
      socket.on("error", () => undefined);
      socket.end(SERVED);
      socket.resume();
    });
    server.on("newSession", (id: Buffer, data: Buffer, done: () => void) => {
      sessions.set(id.toString("hex"), data);
      done();
    });
    server.on("resumeSession", (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) => done(null, sessions.get(id.toString("hex")) ?? null));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const at = { port: portOf(server), site };
    const first = await visit(at, way, "www.example.com", undefined);
    const second = await visit(at, way, "www.example.com", undefined, first.session ?? undefined);
    server.close();
    assert.equal([first.got, first.reused, second.got, second.reused], [SERVED, false, SERVED, true]);
  });
}

test("a session is resumed where no certificate is requested, and only at that listener", () =>
  within("allow from any", { mode: "tls" }, async (s) => {
    const [, , way] = WAYS;
    if (way === undefined) throw new Error("no way");
    const first = await visit(s, way, "www.example.com", undefined);
    const again = await visit(s, way, "www.example.com", undefined, first.session ?? undefined);
    assert.equal([again.got, again.reused], [SERVED, true]);
    s.gateway.place(moduleOf(s.policy(RULES, "mtls")));
    await s.gateway.daemon.reload();
    const bare = await visit(s, way, "www.example.com", undefined, again.session ?? undefined);
    assert.equal([bare.got, bare.reused, (await lastAccept(s)).code], ["", false, "no_certificate"]);
    assert.is((await call(s, { certificate: s.issue({ names: [uri(OPS)] }) })).got, SERVED);
  }));

test.run();
