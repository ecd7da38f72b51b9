// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "e4a447190d4e768e9e48204b77e9055586b069657dac31cdde4edd2e28692cf6";
