// Outgoing frames: Ethernet, IPv4 and TCP, always built at FRAME_OUT. Answers are sent to the hardware address
// that the request came from, so there is no neighbour table that could be filled or poisoned.

import { copy, put16, put32 } from "./bytes";
import { fold, pseudo, sum } from "./checksum";
import { send } from "./kernel";
import { FRAME_OUT } from "./layout";
import { ownAddress, putOwnMac } from "./self";

export const ETHERNET_BYTES: u32 = 14;
export const IPV4_BYTES: u32 = 20;
export const TCP_BYTES: u32 = 20;
export const TYPE_IPV4: u32 = 0x0800;
export const TYPE_ARP: u32 = 0x0806;
const PACKET: usize = FRAME_OUT + 14;
/** Address at which a segment is built. */
export const SEGMENT: usize = FRAME_OUT + 34;

/** Sends the payload after the header to the hardware address at `mac`. */
export function sendFrame(mac: usize, type: u32, length: u32): void {
  copy(FRAME_OUT, mac, 6);
  putOwnMac(FRAME_OUT + 6);
  put16(FRAME_OUT + 12, type);
  send(FRAME_OUT, ETHERNET_BYTES + length);
}

/** Writes the header of a segment; `ports` as in a connection, the peer's in the high half. */
export function putSegment(ports: u32, seq: u32, ack: u32, flags: u32, window: u32, headerBytes: u32): void {
  put16(SEGMENT, ports & 0xffff);
  put16(SEGMENT + 2, ports >>> 16);
  put32(SEGMENT + 4, seq);
  put32(SEGMENT + 8, ack);
  put16(SEGMENT + 12, (headerBytes << 10) | flags);
  put16(SEGMENT + 14, window);
  put32(SEGMENT + 16, 0);
}

/** Sends the segment of `length` bytes at SEGMENT; its checksum is written here. */
export function sendSegment(mac: usize, target: u32, length: u32): void {
  put32(PACKET, 0x45000000 | (IPV4_BYTES + length));
  // Identification 0, which is allowed where "don't fragment" is set (RFC 6864).
  put32(PACKET + 4, 0x00004000);
  put32(PACKET + 8, 0x40060000);
  put32(PACKET + 12, ownAddress());
  put32(PACKET + 16, target);
  put16(PACKET + 10, fold(sum(PACKET, IPV4_BYTES, 0)));
  put16(SEGMENT + 16, fold(sum(SEGMENT, length, pseudo(ownAddress(), target, length))));
  sendFrame(mac, TYPE_IPV4, IPV4_BYTES + length);
}
