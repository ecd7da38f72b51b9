// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "3211d7c73c381d64681cdde24c204ee0a35eea14f7378baf798eeff96d515b2d";
