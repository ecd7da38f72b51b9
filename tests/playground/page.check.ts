// The page in Debian's Chromium, from the disk and from a server: the same modules as `ingressc build`, the answers of `ingressc
// explain`, no request to anywhere, and no message on the console.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";
import { EXAMPLES } from "./examples.ts";
import { folder, ingresscHere, PROJECT } from "../cli/programs.ts";
import type { Opened } from "../chromium.ts";
import { suite } from "../suite.ts";
import { editorText, openPlayground, pageText, rested, write } from "./browser.ts";

const check = suite("page");

function silent({ troubles, requested, proxied }: Opened): void {
  assert.equal({ troubles, requested, proxied }, { troubles: [], requested: [], proxied: [] });
}

async function downloaded(page: Page): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  return readFileSync(await download.path());
}

async function openExample(page: Page, label: string): Promise<string> {
  await page.selectOption("#example", { label });
  await page.click("#open");
  return rested(page);
}

check("the page has at most 400 KiB by gzip -9, and the same bytes each time", async () => {
  const { playgroundPage } = await import("../../scripts/playground.ts");
  const [text, again] = [await pageText(), await playgroundPage()];
  assert.is(text === again, true);
  const size = gzipSync(text, { level: 9 }).length;
  console.log(`playground: ${Buffer.byteLength(text)} bytes, ${(size / 1024).toFixed(1)} KiB by gzip -9`);
  assert.ok(size <= 400 * 1024, `${size} bytes`);
});

for (const way of ["file", "http"] as const) {
  check(`${way}: each example has the module of ingressc build, and its tests pass`, async () => {
    const opened = await openPlayground(way);
    const { page } = opened;
    assert.match(await rested(page), /^The policy is valid/);
    for (const { name, file } of EXAMPLES) {
      const state = await openExample(page, name);
      assert.match(state, /^The policy is valid: \d+ listeners?, \d+ rules?, \d+ bytes\./, `${name}: ${state}`);
      assert.not.match(state, /failed|not proven/, name);
      assert.match((await page.textContent("#tests")) ?? "", /^All \d+ test lines pass\./, name);
      const dir = folder();
      dir.write("policy.ingress", readFileSync(file, "utf8"));
      const { code, err } = await ingresscHere(["build", "policy.ingress"], dir.path);
      assert.is(code, 0, err);
      assert.ok(readFileSync(join(dir.path, "policy.wasm")).equals(await downloaded(page)), `${name}: another module`);
      dir.remove();
    }
    silent(opened);
  });
}

check("a request to another host is refused, and the trap of this check sees one", async () => {
  const opened = await openPlayground("http");
  const { page, troubles, proxied } = opened;
  await rested(page);
  const refused = await page.evaluate(async () => {
    try {
      await fetch("http://stranger.example/");
      return "sent";
    } catch {
      return "refused";
    }
  });
  assert.equal([refused, proxied], ["refused", []]);
  assert.match(troubles.join(), /Content Security Policy/);
  const other = await page.context().newPage();
  await other.goto("http://stranger.example/", { waitUntil: "commit" });
  // A slow machine has seen the browser's request for an icon by now.
  assert.equal(proxied.slice(0, 1), ["http://stranger.example/"]);
});

check("errors have their place, and a fix is applied by a button", async () => {
  const opened = await openPlayground("file");
  const { page } = opened;
  await rested(page);
  const state = await write(page, "edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  alow from any\n}\n");
  assert.match(state, /^The policy has 1 error\./);
  assert.match((await page.textContent("#problems")) ?? "", /^error ING\d+: .*Line 4, column 3/);
  assert.is(await page.isDisabled("#download"), true);
  await page.getByRole("button", { name: /^Apply the fix/ }).click();
  await page.waitForFunction(() => document.getElementById("state")?.textContent?.startsWith("The policy is valid") === true);
  assert.match(await editorText(page), /^ {2}allow from any$/m);
  await rested(page);
  silent(opened);
});

check("a failing test and a false invariant are shown with the module's reason", async () => {
  const opened = await openPlayground("file");
  const { page } = opened;
  await rested(page);
  const state = await write(
    page,
    'edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  @why "x"\n  allow named all from any\n}\ninvariant "i" { never from internet to web }\ntest "t" { from 8.8.8.8 to web => deny cidr }\n',
  );
  assert.match(state, /1 test line failed, so that build writes no module\. 1 claim not proven/);
  const tests = (await page.textContent("#tests")) ?? "";
  assert.match(tests, /1 of 1 test lines fail/);
  assert.match(tests, /allow at tcp 443 of web \(.*allow named all in web, policy\.ingress:5:3\)/);
  assert.match(tests, /is admitted: .*allow named all in web/);
  silent(opened);
});

check("the decision path is that of ingressc explain", async () => {
  const opened = await openPlayground("http");
  const { page } = opened;
  for (const { name, file, requests } of EXAMPLES) {
    await openExample(page, name);
    for (const request of requests) {
      await page.fill("#request", request);
      await page.click("#explain");
      await rested(page);
      const { out } = await ingresscHere(["explain", "--json", file, request], PROJECT);
      const { data } = JSON.parse(out) as { readonly data: Said };
      const shown = await page
        .locator("#decision table")
        .evaluateAll((tables) =>
          tables.map((table) => [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].slice(0, 3).map((cell) => cell.textContent ?? ""))),
        );
      assert.equal(
        shown.map((rows) => rows.map(([phase, what, verdict = ""]) => [phase, what, verdict.slice(2)])),
        data.answers.map(({ phases }) => phases.map(({ phase, what, verdict }) => [phase, what, verdict])),
        `${name}: ${request}`,
      );
      const verdicts = await page.locator("#decision > div > div > p:first-child").allTextContents();
      assert.equal(
        verdicts.map((text) => /^. (allow|deny)(?: \(reason=(\w+)\))?/.exec(text)?.slice(1)),
        data.answers.map(({ verdict, reason }) => [verdict, reason ?? undefined]),
      );
    }
  }
  silent(opened);
});

check("a request that is wrong has a message and its remedy", async () => {
  const opened = await openPlayground("file");
  const { page } = opened;
  await rested(page);
  for (const [request, message] of [
    ["from 1.2.3 to web", /is not an IPv4 or IPv6 address/],
    ["from 999.1.1.1 to web", /each of the four numbers is 0 to 255/],
    ["from ::gg to web", /::gg is not an IPv4 or IPv6 address/],
    ["from 10.0.0.1/8 to web", /or 10\.0\.0\.1 for the one address/],
    ["from \u202e192.0.2.1 to web", /\\u\{202e\}192\.0\.2\.1 is not an IPv4/],
    ["from 192.0.2.1", /the request ends before to/],
    ["from 192.0.2.1 to tcp 65536", /is not a port from 1 to 65535/],
    [`from 192.0.2.1 to web sni "${"a".repeat(254)}"`, /longer than 253 characters/],
    ["x".repeat(100_000), /a request begins with from or bind, not x{20,60}…/],
    ["from 192.0.2.1 to nothing", /the policy has no expose nothing/],
    ["<img src=x onerror=alert(1)>", /a request begins with from or bind/],
  ] as const) {
    await page.fill("#request", request);
    await page.press("#request", "Enter");
    await page.waitForFunction((pattern) => new RegExp(pattern).test(document.getElementById("decision")?.textContent ?? ""), message.source);
  }
  assert.is(await page.locator("#decision img").count(), 0);
  silent(opened);
});

check("a change is compared with the policy before it, in the matrix and in words; a link has both", async () => {
  const opened = await openPlayground("http");
  const { page } = opened;
  await rested(page);
  const older = 'edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:1\n  allow from 10.0.0.0/16\n}\ntest "t" { from 10.0.0.1 to web => allow }\n';
  await write(page, older);
  assert.match((await page.textContent("#matrix")) ?? "", /^1 row by 2 ranges of sources\./);
  assert.is(await page.isDisabled("#single"), true);
  await page.click("#keep");
  await rested(page);
  assert.match((await page.textContent("#matrix")) ?? "", /^Both policies admit the same requests\./);
  await write(page, older.replace("/16", "/8"));
  const shown = (await page.textContent("#matrix")) ?? "";
  assert.match(shown, /^1 opening, 0 closings\.What opens and what closes.*opensweb \(tcp 443\)may now be reached from/);
  assert.match((await page.getAttribute("#matrix svg", "aria-label")) ?? "", /1 cell opens, 0 close\. \+ opens, − closes\./);
  assert.equal(await page.locator("#matrix svg .changed.opens").count(), 1);

  await page.click("#share");
  await page.waitForFunction(() => document.activeElement?.id === "link");
  const link = await page.inputValue("#link");
  await page.goto("about:blank");
  await page.goto(link);
  await rested(page);
  assert.is(await page.inputValue("#older"), older);
  assert.is(await page.textContent("#matrix"), shown);

  await page.click("#single");
  await rested(page);
  assert.match((await page.textContent("#matrix")) ?? "", /^1 row by 2 ranges/);
  await page.fill("#older", "edition 1\nexpose\n");
  await page.press("#older", "Tab");
  await page.waitForFunction(() => /the older policy has an error/.test(document.getElementById("matrix")?.textContent ?? ""));
  silent(opened);
});

check("a text of 100,000 lines is answered, with at most 100 of its errors, and so is a line of a million characters", async () => {
  const opened = await openPlayground("file");
  const { page } = opened;
  await rested(page);
  const lines = (line: (i: number) => string): string => `edition 1\n${Array.from({ length: 100_000 }, (_, i) => line(i)).join("\n")}\n`;
  assert.match(
    await write(
      page,
      lines((i) => `net n${i} = 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
    ),
    /^The policy is valid: 0 listeners, 0 rules/,
  );
  assert.match(
    await write(
      page,
      lines((i) => `alow <b>${i}`),
    ),
    /^The policy has \d+ errors\.$/,
  );
  assert.ok((await page.locator("#problems li").count()) <= 101);
  assert.match(await write(page, `edition 1 # ${"x".repeat(1_000_000)}`), /^The policy (?:is valid|has 1 error)/);
  assert.match(await write(page, "edition 1\n"), /^The policy is valid: 0 listeners/);
  silent(opened);
});

check("a policy that takes too long is stopped, and the page continues", async () => {
  const opened = await openPlayground("http");
  const { page } = opened;
  await rested(page);
  const lines = Array.from({ length: 2_000 }, (_, i) => `  repeat 100000 in ${i + 1}s from 8.8.8.8 to web => allow 100000`).join("\n");
  const slow = `edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:1\n  @why "x"\n  allow from any\n}\ntest "t" {\n${lines}\n}\n`;
  const stopped = write(page, slow);
  await page.waitForSelector("#stop:not(:disabled)");
  await page.focus("#stop");
  await page.keyboard.press("Enter");
  assert.is(await stopped, "check: stopped");
  assert.match(await write(page, "edition 1\n"), /^The policy is valid: 0 listeners/);
  const after = await write(page, slow);
  assert.is(after, "check: stopped after 10 seconds, the most that this page allows");
  assert.match(await write(page, "edition 1\n"), /^The policy is valid: 0 listeners/);
  silent(opened);
});

interface Said {
  readonly answers: readonly {
    readonly verdict: string;
    readonly reason: string | null;
    readonly phases: readonly { readonly phase: string; readonly what: string; readonly verdict: string }[];
  }[];
}

check.run();
