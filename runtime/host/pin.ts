// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "efc7cbc6ea5ae6a0571ad7272adba1e7e324e0c5e27089aa991ff419b6949832";
export const ENGINE_ABI_VERSION = 3;
