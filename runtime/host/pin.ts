// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "b72eda25d6023860ef30a7a4db17b4123bbc827ee184fd577ff3a520464b05e0";
export const ENGINE_ABI_VERSION = 3;
