// Messages with descriptors over unix sockets.
import { closeSync, fstatSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import * as assert from "uvu/assert";
import { openLibc, type Libc } from "../../runtime/shell/libc.ts";
import { MOST_BYTES, MOST_DESCRIPTORS, openUnixMessages, unixAddress, type UnixMessages } from "../../runtime/shell/unix_messages.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";

const test = suite("unix messages");
const libc = openLibc();
const messages = libc === null ? null : openUnixMessages(libc);
const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;
const ECONNREFUSED = 111;

function pair(calls: Libc): readonly [number, number] {
  const two = new Int32Array(2);
  assert.is(calls.func("int socketpair(int, int, int, void *)")(1, 1 | 0o2000000, 0, two), 0);
  const [a = -1, b = -1] = two;
  atEnd(() => {
    closeSync(a);
  });
  atEnd(() => {
    closeSync(b);
  });
  return [a, b];
}

function received(from: UnixMessages, fd: number): { text: string; descriptors: readonly number[] } {
  const message = from.receive(fd);
  if (!message.ok) throw new Error(`nothing was received: ${message.error}`);
  return { text: message.value.bytes.toString(), descriptors: message.value.descriptors };
}

if (libc === null || messages === null) {
  skip("unix messages", "koffi is not installed");
} else {
  test("descriptors arrive in their order, as copies that an exec closes", () => {
    const [a, b] = pair(libc);
    const paths = [tmpdir(), "/dev/null", "/"];
    const sent = paths.map((path) => openSync(path, "r"));
    assert.is(messages.send(a, Buffer.from("three"), sent), 5);
    for (const fd of sent) closeSync(fd);
    const { text, descriptors } = received(messages, b);
    assert.is(text, "three");
    assert.equal(
      descriptors.map((fd) => fstatSync(fd).ino),
      paths.map((path) => fstatSync(openSync(path, "r")).ino),
    );
    for (const fd of descriptors) {
      assert.is(libc.fcntl(fd, 1, 0), 1);
      closeSync(fd);
    }
    const empty = messages.receive(b);
    assert.equal(empty, { ok: false, error: -EAGAIN });
  });

  test("two messages with descriptors are never received as one", () => {
    const [a, b] = pair(libc);
    messages.send(a, Buffer.from("x"), [a]);
    messages.send(a, Buffer.from("y"), [a, b]);
    const counts = [received(messages, b), received(messages, b)].map(({ text, descriptors }) => {
      for (const fd of descriptors) closeSync(fd);
      return [text, descriptors.length];
    });
    assert.equal(counts, [
      ["x", 1],
      ["y", 2],
    ]);
  });

  test("the bounds: descriptors and bytes of one message", () => {
    const [a, b] = pair(libc);
    const many = (count: number): number[] => new Array<number>(count).fill(a);
    assert.is(messages.send(a, Buffer.from("x"), many(MOST_DESCRIPTORS)), 1);
    assert.is(messages.send(a, Buffer.from("x"), many(MOST_DESCRIPTORS + 1)), -EINVAL);
    assert.is(messages.send(a, Buffer.alloc(0), [a]), -EINVAL);
    assert.is(messages.send(a, Buffer.alloc(MOST_BYTES + 1)), -EMSGSIZE);
    const { descriptors } = received(messages, b);
    assert.is(descriptors.length, MOST_DESCRIPTORS);
    for (const fd of descriptors) closeSync(fd);
    assert.is(messages.send(a, Buffer.alloc(MOST_BYTES)), MOST_BYTES);
  });

  test("the end of a stream is no byte, and a descriptor that is none is an error", () => {
    const [a, b] = pair(libc);
    assert.is(messages.send(a, Buffer.from("x"), [1_000_000]), -9);
    libc.shutdown(a, 1);
    assert.equal(received(messages, b), { text: "", descriptors: [] });
  });

  test("addresses: a path, an abstract name, the longest of each, and one more", () => {
    assert.equal(unixAddress("/a"), Buffer.from("\u0001\0/a\0"));
    assert.equal(unixAddress("@a"), Buffer.from("\u0001\0\0a"));
    assert.is(unixAddress(`/${"a".repeat(106)}`)?.length, 110);
    assert.is(unixAddress(`/${"a".repeat(107)}`), null);
    assert.is(unixAddress(`@${"a".repeat(107)}`)?.length, 110);
    assert.is(unixAddress(`@${"a".repeat(108)}`), null);
    for (const path of ["", "@"]) assert.is(unixAddress(path), null, path);
    assert.is(messages.connect(`@ingressd nobody ${process.pid}`, "datagram"), -ECONNREFUSED);
  });
}

test.run();
