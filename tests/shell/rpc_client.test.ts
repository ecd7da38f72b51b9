// The client of ingressd's sockets: answers, refusals, notifications, and every way in which no answer comes. The other
// end is a real unix socket that writes what each row says.
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openRpc, type RpcClient } from "../../runtime/shell/rpc_client.ts";
import { temporaryFolder } from "../gateway/gateway_under_test.ts";
import { atEnd, suite } from "../suite.ts";

const test = suite("rpc_client");
const MOST_LINE = 256;

interface Setting {
  readonly client: RpcClient;
  readonly notified: unknown[];
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly heard: string[];
}

async function setting(answer: (line: string, socket: Socket) => void, answerMs: number | null = null): Promise<Setting> {
  const path = join(temporaryFolder(), "s.sock");
  const heard: string[] = [];
  const server = createServer((socket) => {
    atEnd(() => socket.destroy());
    socket
      .on("error", () => socket.destroy())
      .setEncoding("utf8")
      .on("data", (line: string) => {
        heard.push(line);
        answer(line, socket);
      });
  });
  atEnd(() => {
    server.close();
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  const notified: unknown[] = [];
  let end = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    end = resolve;
  });
  const opened = await openRpc(path, {
    answerMs,
    mostLine: MOST_LINE,
    notified: (method, params) => notified.push([method, params]),
    closed: () => end(),
    isBackground: false,
  });
  if (!opened.ok) throw new Error(opened.error);
  const client = opened.value;
  atEnd(() => client.close());
  return { client, notified, closed, heard };
}

const ROWS: readonly (readonly [name: string, answer: string, due: unknown])[] = [
  ["a result", '{"jsonrpc":"2.0","id":1,"result":{"a":1}}\n', { ok: true, value: { a: 1 } }],
  ["a result of null", '{"jsonrpc":"2.0","id":1,"result":null}\n', { ok: true, value: null }],
  [
    "a refusal with a code",
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no","data":{"code":"no_lease"}}}\n',
    { ok: false, error: { kind: "refused", code: "no_lease", message: "no", data: { code: "no_lease" } } },
  ],
  [
    "a refusal without a code",
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}\n',
    { ok: false, error: { kind: "refused", code: "unknown", message: "no", data: undefined } },
  ],
  [
    "answers to others first, and a notification",
    '{"id":7,"result":1}\n{"id":"1","result":2}\n{"method":"m","params":[]}\n{"id":1,"result":3}\n',
    { ok: true, value: 3 },
  ],
  ["text that is no JSON", "hello\n", { ok: false, error: { kind: "absent", message: "ingressd closed the connection" } }],
  ["a number", "4\n", { ok: false, error: { kind: "absent", message: "ingressd closed the connection" } }],
];
for (const [name, answer, due] of ROWS) {
  test(name, async () => {
    const { client, notified } = await setting((_line, socket) => void socket.write(answer));
    assert.equal(await client.call("status"), due);
    assert.equal(notified, answer.includes("method") ? [["m", []]] : []);
  });
}

test("requests are numbered, and have params only where some are given", async () => {
  const { client, heard } = await setting((line, socket) => {
    const { id } = JSON.parse(line) as { readonly id: number };
    socket.write(`{"id":${id},"result":0}\n`);
  });
  await client.call("a");
  await client.call("b", { x: 1 });
  assert.equal(heard, ['{"jsonrpc":"2.0","id":1,"method":"a"}\n', '{"jsonrpc":"2.0","id":2,"method":"b","params":{"x":1}}\n']);
});

test("an answer that is late ends the connection, and every call under way", async () => {
  const { client, closed } = await setting(() => undefined, 50);
  const both = await Promise.all([client.call("a"), client.call("b")]);
  assert.equal(
    both.map(({ ok }) => ok),
    [false, false],
  );
  await closed;
  assert.equal([client.alive(), (await client.call("c")).ok], [false, false]);
});

test("the longest line is taken, and one character more is not", async () => {
  const head = '{"id":1,"result":"';
  const line = (length: number): string => `${head}${"x".repeat(length - head.length - 2)}"}`;
  for (const [length, ok] of [
    [MOST_LINE, true],
    [MOST_LINE + 1, false],
  ] as const) {
    const { client } = await setting((_line, socket) => void socket.write(`${line(length)}\n`));
    assert.is((await client.call("a")).ok, ok, String(length));
  }
});

test("where nobody answers, the system says why", async () => {
  const opened = await openRpc(join(temporaryFolder(), "nobody.sock"), {
    answerMs: 1_000,
    mostLine: MOST_LINE,
    notified: () => undefined,
    closed: () => undefined,
    isBackground: false,
  });
  assert.match(opened.ok ? "" : opened.error, /^connect ENOENT /);
});

test.run();
