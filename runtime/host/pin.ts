// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "275529c45880b208608294b5d5670742121f6d1e4c06e6721dcfcdde15906684";
export const ENGINE_ABI_VERSION = 3;
