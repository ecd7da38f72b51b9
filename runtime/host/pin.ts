// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "276f899669463c6986a1150fed105cf416c33f3445196548ef93632e6639650b";
export const ENGINE_ABI_VERSION = 3;
