// Several names on one port: each name leads to its expose, whatever that does with TLS, and no other name leads anywhere.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { FORWARDERS } from "./gateway_under_test.ts";
import { sharedPort } from "./shared_port_under_test.ts";

const test = suite("shared port");

for (const forwarder of FORWARDERS) {
  test(`three names reach three backends, a fourth and none are refused: ${forwarder}`, async () => {
    const s = await sharedPort(undefined, { forwarder });
    const rows: readonly (readonly [name: string, code: string, listener: string | undefined, got: string])[] = [
      ["www.example.com", "allowed", "www", "www hello"],
      ["a.shop.example.com", "allowed", "shop", "shop hello"],
      ["staff.example.com", "allowed", "staff", "staff hello"],
      ["WWW.Example.COM", "allowed", "www", "www hello"],
      ["B.SHOP.example.com", "allowed", "shop", "shop hello"],
      ["shop.example.com", "no_expose", undefined, ""],
      ["a.b.shop.example.com", "no_expose", undefined, ""],
      ["mail.example.com", "no_expose", undefined, ""],
      ["xn--wgbh1c.example.com", "no_expose", undefined, ""],
      ["", "no_expose", undefined, ""],
    ];
    for (const [name, code, listener, got] of rows) {
      const came = await s.call({ name, certificate: s.client });
      const { reason, ...last } = s.lastAccept();
      assert.equal([last.code, last.listener, came.got], [code, listener, got], name);
      assert.is(reason, code === "allowed" ? "none" : "sni", name);
      assert.is(last.sni, name === "" ? undefined : name.toLowerCase(), name);
    }
    assert.equal([s.behind.www.accepted, s.passed(), s.behind.staff.accepted], [2, 2, 1], "no backend hears of a refusal");
    assert.is(s.accepts().length, rows.length, "one record a connection");
  });
}

test.run();
