// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "c3d93de5d46bcbd290792ab99374864c8d93c5e2280e51ce1bb58db8791debe2";
export const ENGINE_ABI_VERSION = 2;
