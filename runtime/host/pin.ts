// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "fe9264322ff7b1fc023a35cebcf3ae20a7e30903bea3273d4127428f15172093";
export const ENGINE_ABI_VERSION = 3;
