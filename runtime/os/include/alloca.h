/* Freestanding stub: wasm2c's frame names the header, the engine allocates nothing. */
