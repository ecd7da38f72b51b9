// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "b7d00209b97a47cc4866d5aea97ee3b2a2a90ed08e2b00d67eac859f9330edd6";
export const ENGINE_ABI_VERSION = 1;
