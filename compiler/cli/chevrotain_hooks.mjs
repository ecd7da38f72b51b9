// The hooks of chevrotain.mjs, which an older Node runs in a thread of their own.
let bundle = "";

export function initialize(url) {
  bundle = url;
}

export function resolveSync(specifier, context, next) {
  return specifier === "chevrotain" ? { url: bundle, format: "module", shortCircuit: true } : next(specifier, context);
}

export const resolve = resolveSync;
