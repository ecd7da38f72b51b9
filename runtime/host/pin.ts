// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "8bfda2559fc0b9b769a10c6c1cb592dc5045ff39409619ec179d9c3f01f4bd24";
export const ENGINE_ABI_VERSION = 3;
