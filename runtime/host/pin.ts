// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "27ca5efa831ce206f047d16ed04a640a62915e6054edd7fd41b0a2115e7b13c9";
export const ENGINE_ABI_VERSION = 3;
