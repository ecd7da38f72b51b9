// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "3cb312ac0777266af9beb62d212f7025ae0c556e730eeded0aec82bc51f70180";
export const ENGINE_ABI_VERSION = 3;
