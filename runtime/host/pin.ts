// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "5a1b4aab2552c6377dd98fe2e1dbc5e5a8e273cfd63890486d66d72ab10f66c5";
export const ENGINE_ABI_VERSION = 3;
