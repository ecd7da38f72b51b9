// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "16335c62b54346721a9861e28b3762c471a14aae762ac4273aeb949989848d7c";
