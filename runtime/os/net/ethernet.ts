// Incoming frames: ARP for our own address, and IPv4 (RFC 791) with TCP only. Fragments and IP options
// are refused, because no supported client needs them and both have been used to bypass filters.

import { copy, count, get16, get32, put32 } from "./bytes";
import { fold, pseudo, sum } from "./checksum";
import { FRAME_BYTES, FRAME_IN, FRAME_OUT, N_ARP_REPLIES, N_BAD_CHECKSUM, N_DROPPED, N_FRAMES } from "./layout";
import { ETHERNET_BYTES, IPV4_BYTES, sendFrame, TCP_BYTES, TYPE_ARP, TYPE_IPV4 } from "./out";
import { isOwnMac, ownAddress, putOwnMac } from "./self";
import { segment } from "./tcp";

const ARP_BYTES: u32 = 28;
const PROTO_TCP: u32 = 6;
const FRAGMENT_BITS: u32 = 0x3fff;
const PAYLOAD: usize = FRAME_IN + 14;
/** Where the frame has its sender's hardware address. */
const SENDER: usize = FRAME_IN + 6;

/** Processes the frame of `length` bytes at FRAME_IN. */
export function frame(length: u32): void {
  count(N_FRAMES);
  if (length < ETHERNET_BYTES || length > <u32>FRAME_BYTES || !taken(get16(FRAME_IN + 12), length - ETHERNET_BYTES)) count(N_DROPPED);
}

function taken(type: u32, available: u32): bool {
  // A group address is never a valid sender.
  if ((load<u8>(SENDER) & 1) != 0) return false;
  if (type == TYPE_ARP) return arp(available);
  return type == TYPE_IPV4 && isOwnMac(FRAME_IN) && packet(available);
}

/** u16 1, u16 0x0800, u8 6, u8 4, u16 op, then sender's and target's hardware and IPv4 address (RFC 826). */
function arp(available: u32): bool {
  if (available < ARP_BYTES || get32(PAYLOAD) != 0x00010800 || get32(PAYLOAD + 4) != 0x06040001) return false;
  if (get32(PAYLOAD + 24) != ownAddress()) return false;
  const out: usize = FRAME_OUT + 14;
  put32(out, 0x00010800);
  put32(out + 4, 0x06040002);
  putOwnMac(out + 8);
  put32(out + 14, ownAddress());
  copy(out + 18, PAYLOAD + 8, 10);
  sendFrame(SENDER, TYPE_ARP, ARP_BYTES);
  count(N_ARP_REPLIES);
  return true;
}

/** Whether answers must not be sent there: 0/8, 127/8, 224/3 and our own address (RFC 1122 section 3.2.1.3). */
function isNoSource(address: u32): bool {
  const first = address >>> 24;
  return first == 0 || first == 127 || first >= 224 || address == ownAddress();
}

/** `available`: bytes of the frame after its header, padding included. */
function packet(available: u32): bool {
  if (available < IPV4_BYTES + TCP_BYTES || load<u8>(PAYLOAD) != 0x45) return false;
  const length = get16(PAYLOAD + 2);
  if (length < IPV4_BYTES + TCP_BYTES || length > available || (get16(PAYLOAD + 6) & FRAGMENT_BITS) != 0) return false;
  const source = get32(PAYLOAD + 12);
  if (load<u8>(PAYLOAD, 9) != PROTO_TCP || get32(PAYLOAD + 16) != ownAddress() || isNoSource(source)) return false;
  const at = PAYLOAD + IPV4_BYTES;
  const bytes = length - IPV4_BYTES;
  if (fold(sum(PAYLOAD, IPV4_BYTES, 0)) == 0 && fold(sum(at, bytes, pseudo(source, ownAddress(), bytes))) == 0) {
    return segment(at, bytes, source, SENDER);
  }
  count(N_BAD_CHECKSUM);
  return false;
}
