// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "b60803f99d646adee9b9bb7e0820ec559594b9ea1b246984d5e09ef6ef4d8c24";
