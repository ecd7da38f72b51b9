/* Freestanding stub. wasm2c's output includes this header, but the engine allocates nothing. */
