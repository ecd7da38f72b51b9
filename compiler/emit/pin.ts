// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.
export const ENGINE_C_SHA256 = "6d03a91b95e1937bd985aed14accc6da35a1f15cc10b1adbf33dcdc19c7ba005";
