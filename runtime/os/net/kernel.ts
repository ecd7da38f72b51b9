// What the network half asks of the kernel. Under the kernel each of these is an `ecall`; in Node's
// tests it is the same question to the same policy module. No answer but these opens anything.
// They are imports of the module `kernel`, as this file is called.

/** May a SYN from `source` (IPv4, host order) be answered at `port`? 0: no. Nothing is charged. */
export declare function peek(port: u32, source: u32): i32;

/** A finished handshake: caps and limits are charged. 0: refused; else deal << 1, and 1 where a name comes next. */
export declare function admit(port: u32, source: u32): i32;

/** The name of a deal: `length` canonical bytes at `name`, 0: none was sent, -1: no hello that can be read. 0: refused. */
export declare function hello(deal: u32, name: usize, length: i32): i32;

/** Connects a deal that was admitted to the service. 0: there is none. */
export declare function connect(deal: u32): i32;

/** Bytes to the service; how many were taken, or -1 where it is gone. */
export declare function write(deal: u32, from: usize, length: u32): i32;

/** Bytes from the service: how many, 0 none yet, -1 its end, -2 it is gone. */
export declare function read(deal: u32, to: usize, length: u32): i32;

/** The client has ended its half. */
export declare function finish(deal: u32): void;

/** Gives a deal back. `whole`: both halves ended and the client acknowledged all it was sent. */
export declare function close(deal: u32, whole: i32): void;

/** Sends the frame of `length` bytes at FRAME_OUT. */
export declare function send(frame: usize, length: u32): void;
