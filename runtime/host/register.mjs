// Lets Node run this package's TypeScript without a build. Nothing outside the package influences which code runs: the
// tsconfig of the current folder is not read (its `paths` could put code of that folder in a package's place), and no
// transformed code is taken from the shared temporary folder, where another local user could have put it.
process.env.TSX_DISABLE_CACHE = "1";
const { register } = await import("tsx/esm/api");
register({ tsconfig: false });
