// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "8b11ef2cc3b2ce85de4f58c391239497435732aba424736055d86ba18abc286a";
export const ENGINE_ABI_VERSION = 1;
