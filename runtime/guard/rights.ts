// Another's rights, for the length of one call: its user, groups and capabilities. The thread that runs this code
// alone changes, and it never has a capability that the other lacks.
import type { Architecture } from "./filter.ts";
import type { Libc } from "../shell/libc.ts";

const CAPABILITY_VERSION_3 = 0x20080522;
const HEAD_BYTES = 8;
// struct __user_cap_data_struct[2]: u32 effective, permitted, inheritable; the low words first.
const DATA_BYTES = 24;
const HIGH = 12;
const UNCHANGED = -1;
const CAP_SETGID = 6n;

export interface Rights {
  /** The effective ones: what a unix socket says of who listens. */
  readonly uid: number;
  readonly gid: number;
  /** For files. */
  readonly fileUid: number;
  readonly fileGid: number;
  readonly groups: readonly number[];
  /** Effective capabilities in the guard's own user namespace, a bit each. */
  readonly capabilities: bigint;
}

/** The part of another's rights that a call needs: all of them, or its capabilities where ids decide nothing. */
export type Needed = Rights | Pick<Rights, "capabilities">;

/** Runs with another's rights. Null where that can't be, and nothing was run. */
export type RunAs = <T>(rights: Needed, work: () => T) => T | null;

export function openRights(libc: Libc, { numbers }: Architecture): RunAs {
  const { syscall: call } = libc;
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(CAPABILITY_VERSION_3, 0);

  function ownCapabilities(): Buffer {
    const data = Buffer.alloc(DATA_BYTES);
    if (libc.capget(head, data) !== 0) throw new Error("the guard's own capabilities can't be read");
    return data;
  }
  const effective = (data: Buffer): bigint => (BigInt(data.readUInt32LE(HIGH)) << 32n) | BigInt(data.readUInt32LE(0));
  function setEffective(own: Buffer, capabilities: bigint): boolean {
    const data = Buffer.from(own);
    data.writeUInt32LE(Number(capabilities & 0xffff_ffffn), 0);
    data.writeUInt32LE(Number(capabilities >> 32n), HIGH);
    return libc.capset(head, data) === 0;
  }
  function setGroups(groups: readonly number[]): boolean {
    const list = Buffer.alloc(Math.max(4, 4 * groups.length));
    groups.forEach((group, i) => list.writeUInt32LE(group, 4 * i));
    return libc.syscallBytes(numbers.setgroups, groups.length, list) === 0;
  }
  // System calls, since those of the C library change every thread.
  // setfsuid and setfsgid give the previous id, and no error; a second call shows which id is in effect.
  const setFile = (number: number, id: number): boolean => {
    call(number, id, 0, 0);
    return call(number, UNCHANGED, 0, 0) === id;
  };
  const setGid = ({ gid, fileGid }: Rights): boolean => call(numbers.setresgid, UNCHANGED, gid, UNCHANGED) === 0 && setFile(numbers.setfsgid, fileGid);
  const setUid = ({ uid, fileUid }: Rights): boolean => call(numbers.setresuid, UNCHANGED, uid, UNCHANGED) === 0 && setFile(numbers.setfsuid, fileUid);

  return (needed, work) => {
    const data = ownCapabilities();
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    const own: Rights = { uid, gid, fileUid: uid, fileGid: gid, groups: process.getgroups?.() ?? [], capabilities: effective(data) };
    const rights: Rights = { ...own, ...needed };
    const wanted = own.capabilities & rights.capabilities;
    const sameIds = hasSameIds(own, rights);
    // A guard without privileges can set none, and a program of its own user needs none set.
    if (sameIds && wanted === own.capabilities) return work();
    // The user last, since the right to set the groups goes with it; then the capabilities are set to what both have.
    const taken = (sameIds || (setGroups(rights.groups) && setGid(rights) && setUid(rights))) && setEffective(data, wanted);
    try {
      return taken ? work() : null;
    } finally {
      // Without the right to set groups nothing was changed. The user 0 brings capabilities of its own along.
      const changed = !sameIds && (own.capabilities >> CAP_SETGID) % 2n === 1n;
      const again =
        setEffective(data, own.capabilities) && (!changed || (setUid(own) && setEffective(data, own.capabilities) && setGid(own) && setGroups(own.groups)));
      if (!again || effective(ownCapabilities()) !== own.capabilities) throw new Error("the guard's own rights can't be set again");
    }
  };
}

function hasSameIds(a: Rights, b: Rights): boolean {
  // Node may count the group itself among the further ones.
  const further = ({ gid, groups }: Rights): string => [...new Set([gid, ...groups])].sort((x, y) => x - y).join();
  return a.uid === b.uid && a.fileUid === b.fileUid && a.gid === b.gid && a.fileGid === b.fileGid && further(a) === further(b);
}
