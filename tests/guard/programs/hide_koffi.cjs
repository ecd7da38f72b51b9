// Preloaded: koffi is not installed.
const Module = require("node:module");
const load = Module._load;
Module._load = (request, ...rest) => {
  if (request === "koffi") throw Object.assign(new Error("Cannot find module 'koffi'"), { code: "MODULE_NOT_FOUND" });
  return load(request, ...rest);
};
