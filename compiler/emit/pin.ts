// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "b655ee4dd74a175e6e3425bf87222672d757d02d9e160a71e82a95d57f2d59ae";
