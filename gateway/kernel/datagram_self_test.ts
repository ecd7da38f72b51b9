// Tries the calls of datagrams on this machine: one that is sent in a batch comes in a batch, with its sender and the local
// address that it was sent to, and its answer comes from there. Over IPv6 too, where the machine has it.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { AF_INET6, type KernelCalls } from "./calls.ts";
import { LOCAL_AT, Messages, V4_INFO_BYTES, V6_INFO_BYTES } from "./messages.ts";
import { familyOf, internetAddress, PEER_BYTES } from "./sockaddr.ts";
import { boundSocket } from "./udp_sockets.ts";

const QUESTION = Buffer.from("self-test");
const ANSWER = Buffer.from("answered");
/** The fewest that Messages takes. */
const BATCH = 5;
/** Where there is no such address here, or this process may not have it, nothing can be tried; opening a port says why. */
const ABSENT: readonly string[] = ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EACCES", "EPERM"];

/** Resolves to the first of the descriptors that can be read; -1 where none can in time. */
export type WaitFor = (fd: number) => Promise<number>;

/** Names the part that does not work, as the end of a sentence. The caller closes what is in `opened`. */
export async function datagramFault(calls: KernelCalls, opened: number[], waitFor: WaitFor): Promise<string | null> {
  const [incoming, outgoing] = [new Messages(calls, BATCH), new Messages(calls, BATCH)];
  for (const host of ["127.0.0.1", "::1"]) {
    const because = await faultAt(host, { calls, opened, waitFor, incoming, outgoing });
    if (because !== null) return `${because} (${host})`;
  }
  return null;
}

interface Trial {
  readonly calls: KernelCalls;
  readonly opened: number[];
  readonly waitFor: WaitFor;
  readonly incoming: Messages;
  readonly outgoing: Messages;
}

async function faultAt(host: string, trial: Trial): Promise<string | null> {
  const { outgoing } = trial;
  const server = socketAt(host, trial);
  const client = socketAt(host, trial);
  if (!server.ok) return unless(server.error);
  if (!client.ok) return unless(client.error);
  const [near, far] = [server.value, client.value];
  outgoing.put(0, near.name, infoOf(near.name), QUESTION);
  if (outgoing.send(far.fd, 0, 1) !== 1) return "sendmmsg does not send a datagram";
  const came = await received(near.fd, trial);
  if (came === null || !came.bytes.equals(QUESTION)) return "recvmmsg does not give the datagram that was sent";
  if (!came.name.equals(far.name)) return "recvmmsg does not give the sender of a datagram";
  if (came.info === null || !localIn(came.info).equals(localIn(infoOf(near.name)))) return "the kernel does not say to which address a datagram was sent";
  outgoing.put(0, came.name, came.info, ANSWER);
  if (outgoing.send(near.fd, 0, 1) !== 1) return "sendmmsg does not send an answer";
  const answer = await received(far.fd, trial);
  return answer?.bytes.equals(ANSWER) === true && answer.name.equals(near.name) ?
      null
    : "an answer does not come from the address that the question was sent to";
}

function unless(code: string): string | null {
  return ABSENT.includes(code) ? null : `a socket of datagrams can't be made (${code})`;
}

interface Named {
  readonly fd: number;
  readonly name: Buffer;
}

/** At a port that the kernel chooses. */
function socketAt(host: string, { calls, opened }: Trial): Result<Named, string> {
  const bound = boundSocket(calls, { host, port: 0, proto: "udp" });
  if (!bound.ok) return failed(bound.error.code);
  opened.push(bound.value);
  const name = internetAddress(host, 0, calls) ?? Buffer.alloc(PEER_BYTES);
  return calls.getsockname(bound.value, name) < 0 ? failed("getsockname") : ok({ fd: bound.value, name });
}

async function received(
  fd: number,
  { incoming, waitFor }: Trial,
): Promise<{ readonly bytes: Buffer; readonly name: Buffer; readonly info: Buffer | null } | null> {
  // On loopback it is there as a rule when the sending call has returned.
  if (incoming.receive(fd) === 1 || ((await waitFor(fd)) === fd && incoming.receive(fd) === 1))
    return { bytes: incoming.bytes(0), name: Buffer.from(incoming.name(0)), info: incoming.info(0) };
  return null;
}

/** As in_pktinfo and in6_pktinfo have the address of `name`. */
function infoOf(name: Buffer): Buffer {
  if (familyOf(name) === AF_INET6) return Buffer.concat([name.subarray(8, 24)], V6_INFO_BYTES);
  const info = Buffer.alloc(V4_INFO_BYTES);
  name.copy(info, LOCAL_AT, 4, 8);
  return info;
}

function localIn(info: Buffer): Buffer {
  return info.length === V4_INFO_BYTES ? info.subarray(LOCAL_AT, LOCAL_AT + 4) : info.subarray(0, 16);
}
