// Logins at registries: which credentials go where, and what a registry or a realm can't have.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readChallenge } from "../../runtime/distribution/challenge.ts";
import { dockerConfigPath, dockerCredentials, readBearerToken } from "../../runtime/distribution/credentials.ts";
import { Registry } from "../../runtime/distribution/registry.ts";
import { ok } from "../../runtime/result/result.ts";
import { ownFolder, suite } from "../suite.ts";
import { AUTHORITY, client, MODULE, outcome, place, registryOf, serve, source, stored, type Served } from "./server.ts";

const test = suite("distribution: logins");

const LOGIN = Buffer.from("me:secret").toString("base64");

/** A folder with Docker's configuration. */
function docker(config: unknown, mode = 0o600): string {
  const folder = ownFolder();
  writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config), { mode });
  return folder;
}

/** A registry that wants `wanted`, and says `challenge` where it is missing. */
function guarded(wanted: string, challenge: string): Served["answer"] {
  const give = registryOf(stored());
  return (request, response) => {
    if (request.headers.authorization === wanted) return give(request, response);
    response.writeHead(401, { "www-authenticate": challenge }).end();
  };
}

const pull = (host: string, config: unknown, ca: string | null = null): Promise<string> =>
  outcome(source(`oci://${host}/policies/edge:stable`, client(ca, { DOCKER_CONFIG: docker(config) })).pull());

test("Docker's configuration: what gives a login, and what is refused", () => {
  const rows: readonly (readonly [name: string, config: unknown, due: string | RegExp | null])[] = [
    ["an entry", { auths: { "r.example": { auth: LOGIN } } }, `Basic ${LOGIN}`],
    ["an entry with a path", { auths: { "https://r.example/v1/": { auth: LOGIN } } }, `Basic ${LOGIN}`],
    ["an entry, and a helper for all others", { credsStore: "desktop", auths: { "r.example": { auth: LOGIN } } }, `Basic ${LOGIN}`],
    ["another host", { auths: { "other.example": { auth: LOGIN } } }, null],
    ["a host that ends likewise", { auths: { "a.r.example": { auth: LOGIN } } }, null],
    ["another port", { auths: { "r.example:5000": { auth: LOGIN } } }, null],
    ["nothing", {}, null],
    ["an empty entry", { auths: { "r.example": {} } }, null],
    ["a store", { credsStore: "desktop" }, /credential helper .* not run/],
    ["a helper", { credHelpers: { "r.example": "gcloud" } }, /credential helper .* not run/],
    ["a helper of another host", { credHelpers: { "other.example": "gcloud" } }, null],
    ["an identity token", { auths: { "r.example": { identitytoken: "x" } } }, /identity token/],
    ["no base64", { auths: { "r.example": { auth: "a:b" } } }, /not base64/],
    ["no colon", { auths: { "r.example": { auth: Buffer.from("x").toString("base64") } } }, /not base64/],
    ["a header more", { auths: { "r.example": { auth: `${LOGIN}\r\nx: y` } } }, /not base64/],
    ["no JSON", "{", /not a JSON object/],
    ["a list", [], /not a JSON object/],
  ];
  for (const [name, config, due] of rows) {
    const found = dockerCredentials(join(docker(config), "config.json"))("r.example");
    if (due instanceof RegExp) assert.match(found.ok ? "accepted" : found.error, due, name);
    else assert.equal(found, { ok: true, value: due }, name);
  }
  const open = dockerCredentials(join(docker({}, 0o644), "config.json"))("r.example");
  assert.match(open.ok ? "accepted" : open.error, /is refused/, "others can read it");
  assert.equal(dockerCredentials("/nowhere/config.json")("r.example"), { ok: true, value: null });
});

test("where Docker's configuration is", () => {
  assert.is(dockerConfigPath({ DOCKER_CONFIG: "/etc/d", HOME: "/h" }), "/etc/d/config.json");
  assert.is(dockerConfigPath({ DOCKER_CONFIG: "", HOME: "/h" }), "/h/.docker/config.json");
});

test("a token file has one line, for its owner alone", () => {
  const folder = ownFolder();
  const at = (text: string, mode: number): string => {
    const path = join(folder, `${Math.random()}`);
    writeFileSync(path, text, { mode });
    return path;
  };
  assert.equal(readBearerToken(at("abc\n", 0o600)), { ok: true, value: "abc" });
  for (const [text, mode] of [
    ["abc", 0o644],
    ["", 0o600],
    ["a\nb", 0o600],
    ["a\r\nx: y", 0o600],
    ["a b", 0o600],
    ["x".repeat(16 * 1024 + 1), 0o600],
  ] as const)
    assert.not.ok(readBearerToken(at(text, mode)).ok, JSON.stringify([text.slice(0, 9), mode]));
});

test("a challenge names a realm over https; http only between two places of this machine", () => {
  const [far, near] = [new URL("https://r.example/v2/"), new URL("http://127.0.0.1:5000/v2/")];
  const realm = (header: string | undefined, registry: URL): string => {
    const read = readChallenge(header, registry);
    return (
      !read.ok ? "refused"
      : read.value.scheme === "basic" ? "basic"
      : read.value.realm.href
    );
  };
  const rows: readonly (readonly [header: string | undefined, registry: URL, due: string])[] = [
    ['Bearer realm="https://a.example/t",service="s",scope="repository:x:pull"', far, "https://a.example/t?service=s"],
    ['bearer realm="https://a.example/t?x=1"', far, "https://a.example/t?x=1"],
    ['Basic realm="r"', far, "basic"],
    ["Basic", far, "basic"],
    ['Bearer realm="http://a.example/t"', far, "refused"],
    ['Bearer realm="http://127.0.0.1:1/t"', far, "refused"],
    ['Bearer realm="http://127.0.0.1:1/t"', near, "http://127.0.0.1:1/t"],
    ['Bearer realm="http://a.example/t"', near, "refused"],
    ['Bearer realm="http://127.0.0.1.a.example/t"', near, "refused"],
    ['Bearer realm="https://me:pw@a.example/t"', far, "refused"],
    ['Bearer realm="file:///etc/passwd"', far, "refused"],
    ['Bearer realm="x"', far, "refused"],
    ["Bearer", far, "refused"],
    ['Negotiate realm="https://a.example/t"', far, "refused"],
    ["", far, "refused"],
    [undefined, far, "refused"],
    [`Bearer realm="https://a.example/${"x".repeat(4100)}"`, far, "refused"],
  ];
  for (const [header, registry, due] of rows) assert.is(realm(header, registry), due, header);
});

test("Basic: the login of the host, once", async () => {
  const server = await serve(guarded(`Basic ${LOGIN}`, 'Basic realm="r"'), null);
  assert.is(await pull(server.host, { auths: { [server.host]: { auth: LOGIN } } }), "new the bytes of a module");
  // One refusal, and then manifest and blob with the login.
  assert.equal(
    server.seen.map(({ authorization }) => authorization),
    [null, `Basic ${LOGIN}`, `Basic ${LOGIN}`],
  );
  server.seen.length = 0;
  const wrong = Buffer.from("me:wrong").toString("base64");
  assert.is(await pull(server.host, { auths: { [server.host]: { auth: wrong } } }), "login");
  assert.is(server.seen.length, 2, "a login that is refused is not tried again");
  assert.is(await pull(server.host, { auths: { "other.example": { auth: LOGIN } } }), "login");
  assert.is(await pull(server.host, { credsStore: "desktop" }), "login");
});

/** Each request has its place and its login. */
const sent = ({ seen }: Served): readonly (readonly [string, string | null])[] => seen.map(({ path, authorization }) => [path, authorization]);

test("Bearer: a token of the realm, with the registry's own login wherever the realm is", async () => {
  const registry = await serve(() => undefined, null);
  const realm = await serve((_, r) => r.end(JSON.stringify({ token: "t1" })), null);
  const path = "/token?service=s&scope=repository%3Apolicies%2Fedge%3Apull";
  for (const at of [realm, registry]) {
    registry.answer = (request, response) =>
      request.url?.startsWith("/token") === true ?
        realm.answer(request, response)
      : guarded("Bearer t1", `Bearer realm="http://${at.host}/token",service="s",scope="repository:policies/edge:pull"`)(request, response);
    for (const [config, login] of [
      [{ auths: { [registry.host]: { auth: LOGIN } } }, `Basic ${LOGIN}`],
      [{}, null],
    ] as const) {
      at.seen.length = 0;
      assert.is(await pull(registry.host, config), "new the bytes of a module");
      assert.equal(
        sent(at).filter(([to]) => to.startsWith("/token")),
        [[path, login]],
      );
    }
  }
});

test("a registry that names the realm of another one gets no token of that one", async () => {
  const mine = Buffer.from("me:of the other registry").toString("base64");
  const other = await serve((request, response) => {
    // It gives a token of the private repository to those who have the login.
    const token = request.headers.authorization === `Basic ${mine}` ? "stolen" : "anonymous";
    response.end(JSON.stringify({ token }));
  }, null);
  const scopes = ["scope=repository:private/secret:pull,push", "service=H&scope=registry:catalog:*&scope=repository:private/secret:pull"];
  const registry = await serve(() => undefined, null);
  for (const [query, header] of [
    ["", `,service="H",scope="repository:private/secret:pull,push"`],
    [`?${scopes[0]}`, ""],
    [`?${scopes[1]}`, `,scope="repository:private/secret:pull"`],
  ] as const) {
    registry.answer = (_, r) => r.writeHead(401, { "www-authenticate": `Bearer realm="http://${other.host}/token${query}"${header}` }).end();
    for (const own of [{}, { [registry.host]: { auth: LOGIN } }]) {
      registry.seen.length = 0;
      other.seen.length = 0;
      assert.is(await pull(registry.host, { auths: { [other.host]: { auth: mine }, ...own } }), "login", query);
      const [[path, authorization] = ["", ""], ...more] = sent(other);
      assert.is(more.length, 0);
      assert.is(authorization, registry.host in own ? `Basic ${LOGIN}` : null);
      assert.equal(new URL(path, "http://h").searchParams.getAll("scope"), ["repository:policies/edge:pull"], path);
      assert.equal(
        registry.seen.map((seen) => seen.authorization),
        [null, "Bearer anonymous"],
      );
    }
  }
});

test("the token of a push is for pulling and pushing its own repository", async () => {
  const realm = await serve((_, r) => r.end('{"token":"t1"}'), null);
  const server = await serve(guarded("Bearer t1", `Bearer realm="http://${realm.host}/token",scope="repository:x:*"`), null);
  const location = place(`oci://${server.host}/policies/edge:stable`);
  if (location.kind !== "oci") throw new Error(location.text);
  const registry = new Registry({ http: client(null), location, credentials: () => ok(null), access: "pull,push", bearer: () => ok(null) });
  assert.ok((await registry.putBlob(MODULE)).ok);
  assert.equal(sent(realm), [["/token?scope=repository%3Apolicies%2Fedge%3Apull%2Cpush", null]]);
});

test("a realm that gives no token, and a token that is refused", async () => {
  const registry = await serve(() => undefined, null);
  const realm = await serve(() => undefined, null);
  registry.answer = guarded("Bearer t1", `Bearer realm="http://${realm.host}/token"`);
  const answers: readonly (readonly [name: string, answer: Served["answer"], due: string])[] = [
    ["access_token", (_, r) => r.end('{"access_token":"t1"}'), "new the bytes of a module"],
    ["another token", (_, r) => r.end('{"token":"t2"}'), "login"],
    ["none", (_, r) => r.end("{}"), "login"],
    ["a number", (_, r) => r.end('{"token":1}'), "login"],
    ["a header more", (_, r) => r.end('{"token":"t1\\r\\nx: y"}'), "login"],
    ["too long", (_, r) => r.end(JSON.stringify({ token: "t".repeat(16_385) })), "login"],
    ["no JSON", (_, r) => r.end("t1"), "login"],
    ["a login again", (_, r) => r.writeHead(401).end(), "login"],
    ["too much", (_, r) => r.end(Buffer.alloc(65_537, " ")), "too_large"],
    ["a redirect in a circle", (_, r) => r.writeHead(302, { location: "/token" }).end(), "redirect"],
  ];
  for (const [name, answer, due] of answers) {
    realm.answer = answer;
    registry.seen.length = 0;
    assert.is(await pull(registry.host, {}), due, name);
    assert.ok(registry.seen.length <= 3, `${name}: ${registry.seen.length} calls`);
  }
});

test("a token is used until it is refused, and then one new token is fetched", async () => {
  const registry = await serve(() => undefined, null);
  let good = "t1";
  const realm = await serve((_, r) => r.end(JSON.stringify({ token: good })), null);
  const answer: Served["answer"] = (request, response) => guarded(`Bearer ${good}`, `Bearer realm="http://${realm.host}/token"`)(request, response);
  registry.answer = answer;
  const pulling = source(`oci://${registry.host}/policies/edge:stable`, client(null));
  for (const due of ["new the bytes of a module", "unchanged", "unchanged"]) assert.is(await outcome(pulling.pull()), due);
  assert.is(realm.seen.length, 1);
  good = "t2";
  assert.is(await outcome(pulling.pull()), "unchanged");
  assert.is(realm.seen.length, 2);
});

test("a blob on another host is fetched without the login", async () => {
  const has = stored();
  const other = await serve((_, r) => r.end([...has.blobs.values()][0]));
  const registry = await serve((request, response) => {
    if (request.headers.authorization !== `Basic ${LOGIN}`) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    if (request.url?.includes("blobs") === true) return void response.writeHead(307, { location: `https://${other.host}/store` }).end();
    registryOf(has)(request, response);
  });
  assert.is(await pull(registry.host, { auths: { [registry.host]: { auth: LOGIN } } }, AUTHORITY.pem), "new the bytes of a module");
  assert.equal(
    other.seen.map(({ path, authorization }) => [path, authorization]),
    [["/store", null]],
  );
  // A login that the other host wants is not given either.
  other.answer = (_, r) => r.writeHead(401, { "www-authenticate": "Basic" }).end();
  assert.is(await pull(registry.host, { auths: { [registry.host]: { auth: LOGIN } } }, AUTHORITY.pem), "login");
  assert.is(other.seen.at(-1)?.authorization, null);
});

test.run();
