// The fixed memory of the network half, five pages. Nothing is allocated. Every region has its address here,
// and every bound is one of these numbers. Both the AssemblyScript compiler and tsc read this file, so it has
// only plain literals.
//
//   0        1024       2048       4096        6144   6400    8192          16384        65536        196608
//   | unused | counters | frame in | frame out | name | parts | connections | half-open  | received … | to send …

export const COUNTERS = 1024;
export const FRAME_IN = 2048;
export const FRAME_OUT = 4096;
/** The longest Ethernet frame without its check sequence. */
export const FRAME_BYTES = 1514;
/** The canonical server name of the last hello. */
export const NAME = 6144;
/** Two u32 for each open port, used within places.ts. */
export const PARTS = 6400;
/** Open ports: the kernel opens no more. */
export const PORT_COUNT = 16;

export const CONNECTIONS = 8192;
export const CONNECTION_COUNT = 32;
export const CONNECTION_BYTES = 160;

export const HALF_OPEN = 16384;
export const HALF_OPEN_COUNT = 32;
export const HALF_OPEN_BYTES = 48;

/** A byte of a stream is stored at its sequence number modulo RING_BYTES. */
export const RING_BYTES = 4096;
export const RECEIVED = 65536;
export const TO_SEND = 196608;

/** Frames that are processed before the timers and the services have their turn. */
export const FRAMES_PER_TURN = 32;

// ---- connection: u32 words unless stated otherwise ------------------------------------------
export const C_STATE = 0;
export const C_PEER = 4;
/** The peer's port in the high half, ours in the low half. */
export const C_PORTS = 8;
/** Six bytes: the hardware address of the peer's frames, to which answers are sent. */
export const C_MAC = 12;
export const C_SEND_UNACKED = 20;
export const C_SEND_NEXT = 24;
/** The sequence number after the last byte in the ring, which is that of a FIN. */
export const C_SEND_END = 28;
export const C_SEND_WINDOW = 32;
export const C_WINDOW_SEQ = 36;
export const C_WINDOW_ACK = 40;
export const C_RECEIVE_NEXT = 44;
/** The first byte that has not been read from the ring. */
export const C_RECEIVE_READ = 48;
/** The right edge of the window that was last announced. */
export const C_RECEIVE_ANNOUNCED = 52;
export const C_MSS = 56;
export const C_FLAGS = 60;
/** When the retransmission timer ends, while FLAG_TIMER is set. */
export const C_TIMER_AT = 64;
export const C_TIMER_MS = 68;
export const C_TRIES = 72;
/** When a byte or an acknowledgement moved last. */
export const C_MOVED_AT = 76;
/** The kernel's number of the flow, 1 and up; 0 after it was closed. */
export const C_FLOW = 80;
export const C_PHASE = 84;
export const C_PHASE_AT = 88;
/** Stretches received out of order: their number, then start and end of each. */
export const C_STRETCH_COUNT = 92;
export const C_STRETCHES = 96;
export const STRETCH_COUNT = 4;
/** The first challenge of the current second, and how many were sent since. */
export const C_CHALLENGED_AT = 128;
export const C_CHALLENGES = 132;
/** When the first of the two halves ended. */
export const C_HALF_AT = 136;

export const STATE_FREE = 0;
export const STATE_OPEN = 1;
export const STATE_TIME_WAIT = 2;

export const FLAG_TIMER = 1;
export const FLAG_FIN_RECEIVED = 2;
export const FLAG_FIN_QUEUED = 4;
export const FLAG_FIN_SENT = 8;
export const FLAG_FIN_ACKED = 16;
/** An acknowledgement is due even if there is no data to send. */
export const FLAG_ACK_DUE = 32;
/** The end of the peer's stream was passed to the service. */
export const FLAG_END_PASSED = 64;
/** The peer was the first to end its half. */
export const FLAG_PEER_FIRST = 128;

/** The name is still needed. */
export const PHASE_HELLO = 0;
export const PHASE_FORWARD = 1;

// ---- half-open record -----------------------------------------------------------------------
export const O_USED = 0;
export const O_PEER = 4;
export const O_PORTS = 8;
export const O_MAC = 12;
/** The peer's first sequence number, and ours. */
export const O_THEIRS = 20;
export const O_OURS = 24;
export const O_MSS = 28;
export const O_TIMER_AT = 32;
export const O_TRIES = 36;
export const O_SINCE = 40;

// ---- bounds of time, milliseconds -----------------------------------------------------------
/** The first wait before something is sent again (RFC 6298 section 2); it doubles each time. */
export const RETRANSMIT_MS = 1000;
export const RETRANSMIT_MOST_MS = 16000;
/** Retransmissions of data or FIN without an answer before the connection is dropped. */
export const RETRANSMIT_TRIES = 5;
/** Retransmissions of a SYN-ACK; a half-open slot is freed 7 s after its SYN. */
export const SYN_TRIES = 2;
export const HANDSHAKE_MS = 7000;
/** The first sequence number moves by one every 4 microseconds (RFC 6528). */
export const SEQUENCE_PER_MS = 250;
export const HELLO_MS = 5000;
export const IDLE_MS = 30000;
/** The life of a connection of which one half has ended, however many bytes the other one moves. */
export const HALF_CLOSED_MS = 60000;
export const TIME_WAIT_MS = 2000;
/** Challenge acknowledgements of one connection in one second (RFC 5961 section 7). Connections share no budget. */
export const CHALLENGES_PER_SECOND = 2;

// ---- counters, one u32 each -----------------------------------------------------------------
export const N_FRAMES = 0;
export const N_DROPPED = 4;
export const N_BAD_CHECKSUM = 8;
export const N_ARP_REPLIES = 12;
export const N_SYNS = 16;
export const N_REFUSED = 20;
export const N_HALF_OPEN_EVICTED = 24;
export const N_HALF_OPEN_TIMEOUT = 28;
export const N_ESTABLISHED = 32;
export const N_NO_SLOT = 36;
export const N_RETRANSMITS = 40;
export const N_GIVEN_UP = 44;
export const N_IDLE = 48;
export const N_CHALLENGES = 52;
export const N_RESETS_TAKEN = 56;
export const N_OUT_OF_ORDER = 60;
export const N_BAD_HELLO = 64;
export const N_CLOSED = 68;
export const N_HALF_CLOSED = 72;
export const COUNTER_COUNT = 19;
