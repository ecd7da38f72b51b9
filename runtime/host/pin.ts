// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "2e9155a82b0a627dfef99c826ed1848f3f637067d718c544873b05c98e89eb5e";
export const ENGINE_ABI_VERSION = 3;
