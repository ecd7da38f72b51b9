// The status page, as HTTP gives it, and in a real browser: without an error, in both themes, and a refusal within two seconds.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { skip } from "../skip.ts";
import { chromiumIsHere, openPage } from "./browser.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, probe, running, temporaryFolder, visit, type Under } from "./gateway_under_test.ts";
import { tokenFile } from "./token_file.ts";

const test = suite("status page");
const TOKEN = "0123456789abcdef";
const PATHS = ["/", "/status.css", "/status.js", "/status.json", "/status.svg"];

async function served(policy: string, more = "", wall?: () => number): Promise<{ readonly gateway: Under; readonly http: number }> {
  const http = await freePort();
  const config = `[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${tokenFile(TOKEN)}"\n${more}`;
  return { http, gateway: await running({ policy, config, ...(wall !== undefined && { wall }) }) };
}

/** The configuration of a certificate `www` that ends in so many days. */
function certificate(days: number): string {
  const folder = temporaryFolder();
  put(folder, "www", leaf(authority("site root"), { names: [dns("www.example.com")], until: days }));
  return `[certs.www]\ncert = "${folder}/www.pem"\nkey = "${folder}/www.key"\n`;
}

const get = (http: number, path: string, method = "GET", token = TOKEN): Promise<Response> =>
  fetch(`http://127.0.0.1:${http}${path}`, { method, headers: { authorization: `Bearer ${token}` } });

test("every part of the page needs the token, changes nothing, and may load only what is of this port", async () => {
  const { http } = await served("edition 1");
  for (const path of PATHS) {
    assert.is((await get(http, path, "GET", "wrong")).status, 401, path);
    assert.is((await get(http, path, "POST")).status, 405, path);
    const page = await get(http, path);
    assert.is(page.status, 200, path);
    const policy = page.headers.get("content-security-policy") ?? "";
    assert.match(
      policy,
      /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    assert.equal(
      [page.headers.get("x-content-type-options"), page.headers.get("x-frame-options"), page.headers.get("cache-control")],
      ["nosniff", "DENY", "no-store"],
    );
    assert.is(page.headers.get("access-control-allow-origin"), null);
    const text = await page.text();
    assert.not.match(
      text.replace("http://www.w3.org/2000/svg", ""),
      /https?:\/\/|innerHTML|insertAdjacentHTML|document\.write|eval\(| on[a-z]+=|<style|style=/,
      path,
    );
    assert.ok(text.length < 16 * 1024, path);
  }
  for (const path of ["/status", "/index.html", "//", "/status.js?x", "/../status.js"]) assert.not.equal((await get(http, path)).status, 500, path);
  assert.is((await get(http, "/status")).status, 404);
});

test("its data has listeners, refusals by reason, rules, certificates, sources and reloads", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const { http } = await served(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow named lab from 127.0.0.1 }`);
  assert.equal([await probe(port), await probe(port, "127.0.0.2")], ["allow", "deny"]);
  const text = await (await get(http, "/status.json")).text();
  assert.match(text, /"unready":null,"status":\{"pid":/);
  assert.match(text, /\{"listener":"web","backend":"","denied":\{"cidr":1\},"connects":0,"bytes":0\}/);
  assert.match(text, /"denied":\{\},"connects":1,"bytes":5\}/);
  for (const part of [
    /"rules":\[\{[^}]*"rule":"lab","at":"test\.ingress:2","hits":1/,
    /"certificates":\[\]/,
    /"top_denied":\[\{"source":"127\.0\.0\.2","denials":1\}\]/,
    /"last":\[\{"time":/,
  ])
    assert.match(text, part);
});

test("its data has the end of each certificate", async () => {
  const started = Date.now();
  const { http } = await served(
    `edition 1\nexpose web on tcp ${await freePort()} as tls { backend 127.0.0.1:9 cert "www" allow from any }`,
    certificate(10.5),
    () => started,
  );
  const text = await (await get(http, "/status.json")).text();
  const [, end = ""] = /"certificates":\[\{"kind":"cert","name":"www","not_after":"([^"]+)"\}\]/.exec(text) ?? [];
  assert.is(Math.floor((Date.parse(end) - started) / 86_400_000), 10, text);
});

/** `shown` once the expression is true in the page; the page's text if it never is within so many milliseconds. */
type Seen = (expression: string, ms: number) => Promise<unknown>;

const tileOf = (label: string): string =>
  `[...document.querySelectorAll(".tile")].find((one) => one.querySelector("span").innerText.startsWith("${label}"))?.querySelector("b").innerText`;
const rowOf = (id: string, first: string): string =>
  `[...([...document.querySelectorAll("#${id} tr")].find((one) => one.cells[0].innerText === "${first}")?.cells ?? [])].map((one) => one.innerText)`;
const LOOKS = `performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/status.json")).length`;

/** Between two looks of the page four are admitted, of which two stay, and two are refused, in two seconds of the gateway's clock. One was refused before. */
async function ratesShown(gateway: Under, port: number, seen: Seen): Promise<void> {
  const all = `[${[tileOf("connections of"), tileOf("allowed"), tileOf("refused"), tileOf("from backends"), rowOf("listeners", "web"), rowOf("listeners", "mail"), rowOf("refusals", "cidr")].join()}].join("|")`;
  // On a busy machine a look may come in the middle.
  for (let tries = 1; ; tries++) {
    assert.is(await seen(`${LOOKS} !== (window.looks ??= ${LOOKS})`, 5_000), "shown");
    const open = [visit(port), visit(port)];
    assert.equal(await Promise.all(open.map(({ first }) => first)), ["hello", "hello"]);
    assert.equal([await probe(port), await probe(port)], ["allow", "allow"]);
    assert.equal([await probe(port, "127.0.0.2"), await probe(port, "127.0.0.3")], ["deny", "deny"]);
    gateway.clock.advance(2_000);
    const refused = 1 + 2 * tries;
    const due = `^2\\|2\\.0 /s\\|1\\.0 /s\\|10 B/s\\|web,tcp ${port},2,10,000,2\\.0 /s,10 B/s,${refused},0,open\\|mail,tcp [0-9]+,0,10,000,0\\.0 /s,0 B/s,0,0,open\\|cidr,web,${refused},1\\.0 /s$`;
    const was = await seen(`new RegExp("${due}").test(${all})`, 2_500);
    for (const { socket } of open) socket.destroy();
    await eventually(() => gateway.daemon.forwarder.live === 0, "their ends");
    if (was === "shown") return;
    assert.ok(tries < 5, String(was));
    await seen("delete window.looks", 0);
  }
}

if (!chromiumIsHere()) skip("status page in a browser", "chromium is not installed");
else
  test("a browser shows it without an error in both themes, and a refusal within two seconds", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const started = Date.now();
    const { gateway, http } = await served(
      `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow named office from 127.0.0.1 }
expose mail on tcp ${await freePort()} { backend 127.0.0.1:${behind.port} allow from any }
expose site on tcp ${await freePort()} as tls { backend 127.0.0.1:${behind.port} cert "www" allow from any }`,
      certificate(10.5),
      () => started,
    );
    assert.is(await probe(port), "allow");
    const page = await openPage(`http://127.0.0.1:${http}/`, TOKEN);
    const seen: Seen = async (expression, ms) =>
      page.evaluate(
        `new Promise((resolve) => { const end = performance.now() + ${ms}; (function look() { if (${expression}) resolve("shown"); else if (performance.now() > end) resolve(document.body.innerText); else setTimeout(look, 10); })(); })`,
      );
    const until = async (expression: string, ms: number): Promise<void> => {
      assert.is(await seen(expression, ms), "shown", `${expression}\n${page.troubles.join("\n")}`);
    };
    const text = (id: string): string => `(document.getElementById("${id}")?.innerText ?? "")`;
    await until(`${text("state")} === "ready, generation 1"`, 20_000);
    await until(`${text("refusals")}.includes("nothing was refused")`, 10);
    assert.is(await probe(port, "127.0.0.2"), "deny");
    await until(`${text("refusals")}.includes("cidr") && ${text("sources")}.includes("127.0.0.2")`, 2_000);
    for (const [id, part] of [
      ["listeners", `tcp ${port}`],
      ["listeners", "mail"],
      ["rules", "office"],
      ["rules", "test.ingress:2"],
      ["certificates", "days left"],
      ["certificates", "www"],
      ["certificates", "\t10"],
      ["reloads", "done"],
    ])
      await until(`${text(id ?? "")}.includes(${JSON.stringify(part)})`, 10);
    await ratesShown(gateway, port, seen);
    await until(`${tileOf("connections of")} === "0"`, 4_000);
    gateway.place(new Uint8Array(8));
    await gateway.daemon.reload();
    await until(`${text("reloads")}.includes("refused")`, 2_000);
    const folder = process.env["SCREENSHOTS"];
    const pictures = [await page.screenshot("light"), await page.screenshot("dark")];
    for (const [i, picture] of pictures.entries()) {
      assert.equal([...picture.subarray(1, 4)], [...Buffer.from("PNG")]);
      if (folder === undefined) continue;
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, i === 0 ? "light.png" : "dark.png"), picture);
    }
    assert.ok(!pictures[0]?.equals(pictures[1] ?? Buffer.alloc(0)), "the themes differ");
    assert.equal(page.troubles, []);
    const own = [...new Set(page.requested)].filter((url) => !url.startsWith("data:")).sort();
    // A browser without a window shows no icon.
    const known = PATHS.map((path) => `http://127.0.0.1:${http}${path}`);
    assert.equal(
      own.filter((url) => !known.includes(url)),
      [],
    );
    assert.ok(own.length >= 4);
  });

test.run();
