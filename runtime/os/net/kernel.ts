// The calls from the network half to the kernel. In the image each is an `ecall`; in Node's tests each is the
// same request to the same policy module. Nothing is opened without these answers. They are imports of the module
// `kernel`, which is the name of this file.

/** Moves the next frame, of at most `most` bytes, to `frame`. Returns its length; 0: there is none. */
export declare function take(frame: usize, most: u32): u32;

/** Whether a SYN from `source` (IPv4, host order) may be answered at `port`; 0: no. Nothing is charged. */
export declare function peek(port: u32, source: u32): i32;

/** Admits a connection after its handshake and charges caps and limits. 0: refused; else flow << 1, plus 1 if a name is needed next. */
export declare function admit(port: u32, source: u32): i32;

/** Checks the name of a flow: `length` canonical bytes at `name` (0: none was sent, -1: malformed hello). Returns 0 if it is refused. */
export declare function hello(flow: u32, name: usize, length: i32): i32;

/** Connects an admitted flow to its service. Returns 0 if the service is not available. */
export declare function connect(flow: u32): i32;

/** Sends bytes to the service; returns how many were accepted, or -1 if it is gone. */
export declare function write(flow: u32, from: usize, length: u32): i32;

/** Reads bytes from the service; returns how many (0: none yet, -1: end of stream, -2: it is gone). */
export declare function read(flow: u32, to: usize, length: u32): i32;

/** The client has ended its half. */
export declare function finish(flow: u32): void;

/** Closes a flow. `whole`: both halves ended and the client acknowledged everything. */
export declare function close(flow: u32, whole: i32): void;

/** Sends the frame of `length` bytes at FRAME_OUT. */
export declare function send(frame: usize, length: u32): void;
