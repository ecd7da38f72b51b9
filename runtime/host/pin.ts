// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "353b42849f6d851547e408a1b956bc2a4c3bbefc5a564eac86367fbe46c899b3";
export const ENGINE_ABI_VERSION = 1;
