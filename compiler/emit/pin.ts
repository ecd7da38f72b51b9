// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "b9d7585788da2983007d3cadef32f17d41ed50938557ca66e824a4a9258676d3";
