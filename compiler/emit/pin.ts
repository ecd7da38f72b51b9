// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "d8c4ed359947bdfce39c8a75d313e0e141512d602d867df3f2f8d04468cfed4a";
