// Made by `npm run engine`: the engine code of this release.
export const ENGINE_CODE_SHA256 = "78faf18ccf11ce5d7b938673414d21f21a543d701e2ee234d089c790002de50a";
export const ENGINE_ABI_VERSION = 3;
