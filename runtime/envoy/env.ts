// The calls to Envoy, of the proxy-wasm ABI 0.2.1. They are imports of the module `env`, which is the name of this file. A result is
// 0 where the call succeeded. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1

/** Puts a property's value where `proxy_on_memory_allocate` said, and writes its address and length; an empty one has address 0. */
export declare function proxy_get_property(path: usize, length: usize, value: usize, size: usize): u32;

/** Closes one side of the connection. */
export declare function proxy_close_stream(stream: u32): u32;

/** Writes the nanoseconds since 1970 as u64. */
export declare function proxy_get_current_time_nanoseconds(out: usize): u32;

/** Calls a function that Envoy has beyond the ABI, by its name. */
export declare function proxy_call_foreign_function(name: usize, length: usize, argument: usize, size: usize, result: usize, resultSize: usize): u32;
