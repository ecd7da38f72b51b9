// `npm pack` in a clone would pack sources and tests; the package is a folder that is made for it.
console.error("the package is not made of the clone: run `npm run package`, then `npm pack ./dist/package`");
process.exitCode = 1;
