// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "8cc8588b57bbc0e252b25f6b820519ddc4feb89dff02787f1a560afd8f8b8897";
