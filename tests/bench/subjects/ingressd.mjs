// The product's own ways to a decision, from the bare call into the module to what the gateway does
// for an accepted socket. Each is a subject of its own, so that no measurement shares a process.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cpuMs, sink } from "../clock.mjs";
import { textOf, TEXTS } from "../worlds.mjs";

const { openEngine } = await import("../../../runtime/host/ask.ts");
const { instantiate } = await import("../../../runtime/host/instance.ts");
const { loadPolicy } = await import("../../../runtime/host/load.ts");
const { parseAddress, fromV4 } = await import("../../../runtime/net/address.ts");
const abi = await import("../../../runtime/abi/layout.ts");

function loaded(folder) {
  const policy = loadPolicy(readFileSync(join(folder, "p.wasm")));
  if (!policy.ok) throw new Error(`${policy.error.code}: ${policy.error.message}`);
  return policy.value;
}

/** The module's numbers of the world's exposes, in the world's order. */
const idsOf = ({ listeners }, { exposes }) => exposes.map((name) => listeners.findIndex((l) => l.name === name));

function openHost(folder, world) {
  const policy = loaded(folder);
  const engine = openEngine(policy, new Uint8Array(16));
  engine.setClock({ monoMs: 1_000, wallSeconds: null });
  return { engine, ids: idsOf(policy.info, world) };
}

function openModule(folder, world) {
  const policy = loaded(folder);
  const exports = instantiate(policy.module);
  exports.seed(1, 2, 3, 4);
  exports.clock(0, 1_000, 0, 0);
  if (exports.validate() !== 0) throw new Error("the tables are not sound");
  return { exports, ids: idsOf(policy.info, world) };
}

/** Sources of the traffic as the host takes them. */
function addressesOf({ words, width }, most) {
  return Array.from({ length: Math.min(most, words.length / width) }, (_, i) =>
    width === 1 ? fromV4(words[i]) : [words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]],
  );
}

const numbered = ({ listeners }, ids) => Int32Array.from(listeners, (l) => ids[l]);
const addressIn = (text) => parseAddress(text) ?? raise(`not an address: ${text}`);
const raise = (message) => {
  throw new Error(message);
};

/** The exported functions themselves, u32 words in, verdict out. */
function call(folder, world) {
  const {
    exports: { accept4, accept6, hello, scratch, memory },
    ids,
  } = openModule(folder, world);
  const bytes = new Uint8Array(memory.buffer);
  const at = scratch() >>> 0;
  const encoder = new TextEncoder();
  const decide = (listener, [a, b, c, d], name) => {
    if (name === null) return (a | b) === 0 && c === 0xffff ? accept4(listener, d) : accept6(listener, a, b, c, d);
    const written = encoder.encode(name);
    bytes.set(written, at);
    return hello(listener, a, b, c, d, written.length);
  };
  return {
    allows: ({ expose, source, name }) => decide(ids[world.exposes.indexOf(expose)], addressIn(source), name) === 1,
    loop(part) {
      const listeners = numbered(part, ids);
      const { words, width } = part;
      const mask = listeners.length - 1;
      if (part.names !== null) {
        const names = part.names.map((name) => encoder.encode(name));
        return (from, count) => {
          let sum = 0;
          for (let i = from; i < from + count; i++) {
            const name = names[i & mask];
            bytes.set(name, at);
            sum += hello(listeners[i & mask], 0, 0, 0xffff, words[i & mask], name.length);
          }
          sink.sum += sum;
        };
      }
      if (width === 1) {
        return (from, count) => {
          let sum = 0;
          for (let i = from; i < from + count; i++) sum += accept4(listeners[i & mask], words[i & mask]);
          sink.sum += sum;
        };
      }
      return (from, count) => {
        let sum = 0;
        for (let i = from; i < from + count; i++) {
          const w = (i & mask) << 2;
          sum += accept6(listeners[i & mask], words[w], words[w + 1], words[w + 2], words[w + 3]);
        }
        sink.sum += sum;
      };
    },
  };
}

/** PolicyEngine.accept or .hello: the answer is a Permit or a Denial with its code and rule. */
function host(folder, world) {
  const { engine, ids } = openHost(folder, world);
  const decide = (listener, address, name) => (name === null ? engine.accept(listener, address) : engine.hello(listener, address, name));
  return {
    allows: ({ expose, source, name }) => decide(ids[world.exposes.indexOf(expose)], addressIn(source), name).allowed,
    loop(part) {
      const listeners = numbered(part, ids);
      const addresses = addressesOf(part, TEXTS);
      const { names } = part;
      const mask = addresses.length - 1;
      return (from, count) => {
        let sum = 0;
        for (let i = from; i < from + count; i++)
          sum += decide(listeners[i & mask], addresses[i & mask], names === null ? null : names[i & mask]).allowed ? 1 : 0;
        sink.sum += sum;
      };
    },
  };
}

/** The same from the text that a socket gives, which is how the gateway decides every peer. */
function text(folder, world) {
  const { engine, ids } = openHost(folder, world);
  return {
    allows: ({ expose, source, name }) =>
      (name === null ?
        engine.accept(ids[world.exposes.indexOf(expose)], addressIn(source))
      : engine.hello(ids[world.exposes.indexOf(expose)], addressIn(source), name)
      ).allowed,
    loop(part) {
      const listeners = numbered(part, ids);
      const { names, width } = part;
      const texts = Array.from({ length: Math.min(TEXTS, listeners.length) }, (_, i) => textOf(part.words.subarray(i * width, (i + 1) * width)));
      const mask = texts.length - 1;
      return (from, count) => {
        let sum = 0;
        for (let i = from; i < from + count; i++) {
          const address = parseAddress(texts[i & mask]);
          if (address === null) continue;
          sum += (names === null ? engine.accept(listeners[i & mask], address) : engine.hello(listeners[i & mask], address, names[i & mask])).allowed ? 1 : 0;
        }
        sink.sum += sum;
      };
    },
  };
}

const BATCH = 256;

/** The module's batch of 256 records, written, decided with caps and charged, and read back. */
function batch(folder, world) {
  const { exports, ids } = openModule(folder, world);
  const view = new DataView(exports.memory.buffer);
  const at = exports.scratch() >>> 0;
  const room = Math.min(BATCH, Math.floor((exports.scratchBytes() >>> 0) / abi.BATCH_BYTES));
  const write = (record, listener, a, b, c, d) => {
    const r = at + record * abi.BATCH_BYTES;
    view.setInt32(r + abi.R_BATCH_LISTENER, listener, true);
    view.setUint32(r + abi.R_BATCH_SOURCE, a, true);
    view.setUint32(r + abi.R_BATCH_SOURCE + 4, b, true);
    view.setUint32(r + abi.R_BATCH_SOURCE + 8, c, true);
    view.setUint32(r + abi.R_BATCH_SOURCE + 12, d, true);
  };
  const verdict = (record) => view.getInt32(at + record * abi.BATCH_BYTES + abi.R_BATCH_VERDICT, true);
  return {
    allows: ({ expose, source }) => {
      const [a, b, c, d] = addressIn(source);
      const listener = ids[world.exposes.indexOf(expose)];
      write(0, listener, a, b, c, d);
      const allowed = exports.batch(1) === 1 && verdict(0) === 1;
      if (allowed) exports.release(listener, a, b, c, d);
      return allowed;
    },
    timed(part) {
      const listeners = numbered(part, ids);
      const { words, width } = part;
      const mask = listeners.length - 1;
      const source = (i, w) => (width === 1 ? [0, 0, 0xffff, words[i & mask]][w] : words[((i & mask) << 2) + w]);
      const decide = (first, n, verdicts, at) => {
        if (width === 1) for (let i = 0; i < n; i++) write(i, listeners[(first + i) & mask], 0, 0, 0xffff, words[(first + i) & mask]);
        else
          for (let i = 0, w = (first & mask) << 2; i < n; i++, w = ((first + i) & mask) << 2)
            write(i, listeners[(first + i) & mask], words[w], words[w + 1], words[w + 2], words[w + 3]);
        exports.batch(n);
        for (let i = 0; i < n; i++) verdicts[at + i] = verdict(i);
      };
      return released(room, decide, (i) => exports.release(listeners[i & mask], source(i, 0), source(i, 1), source(i, 2), source(i, 3)));
    },
  };
}

/** Below the cap of a world's listener. */
const RELEASE_EVERY = 200_000;

/**
 * A loop that decides in batches and is clocked; what was admitted is given back afterwards, which
 * isn't counted. `decide(first, n, verdicts, at)` writes n verdicts.
 */
function released(most, decide, release) {
  const verdicts = new Int32Array(RELEASE_EVERY);
  return (from, count) => {
    let spent = 0;
    for (let start = from; start < from + count; start += RELEASE_EVERY) {
      const some = Math.min(RELEASE_EVERY, from + count - start);
      const before = cpuMs();
      for (let at = 0; at < some; at += most) decide(start + at, Math.min(most, some - at), verdicts, at);
      spent += cpuMs() - before;
      for (let i = 0; i < some; i++) if (verdicts[i] !== 0) release(start + i);
    }
    return spent;
  };
}

/** PolicyEngine.admit of 64 peers, which is how the gateway decides the sockets of one turn. */
function admit(folder, world) {
  const { engine, ids } = openHost(folder, world);
  const PEERS = 64;
  return {
    allows: ({ expose, source }) => {
      const peer = { listener: ids[world.exposes.indexOf(expose)], source: addressIn(source) };
      const allowed = engine.admit([peer])[0].allowed;
      if (allowed) engine.release(peer.listener, peer.source);
      return allowed;
    },
    timed(part) {
      const listeners = numbered(part, ids);
      const peers = addressesOf(part, TEXTS).map((source, i) => ({ listener: listeners[i], source }));
      const mask = peers.length - 1;
      // A batch that begins near the end continues at the start.
      peers.push(...peers.slice(0, PEERS));
      const decide = (first, n, verdicts, into) => {
        const at = first & mask;
        const answers = engine.admit(peers.slice(at, at + n));
        for (let i = 0; i < n; i++) verdicts[into + i] = answers[i].allowed ? 1 : 0;
      };
      return released(PEERS, decide, (i) => engine.release(peers[i & mask].listener, peers[i & mask].source));
    },
  };
}

export const SUBJECTS = { call, host, text, batch, admit };
