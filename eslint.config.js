// Lint rules for the project's style. The engine and the OS image's network half are AssemblyScript, which its own
// compiler checks, so only rules that need no types apply to them.
import tseslint from "typescript-eslint";

const forbiddenSyntax = [
  { selector: "TSEnumDeclaration", message: "No enums: a union or plain constants." },
  { selector: "ExportDefaultDeclaration", message: "No default exports: use a named export." },
  { selector: "TSParameterProperty", message: "No parameter properties: Node can't strip their types." },
  { selector: "TSModuleDeclaration[declare!=true]", message: "No namespaces." },
  { selector: "ExportAllDeclaration", message: "No barrels." },
  {
    selector: "TSAsExpression > TSAsExpression > TSUnknownKeyword",
    message: "No `as unknown as`: check the value instead.",
  },
  {
    selector: "CallExpression[callee.property.name='only'][callee.object.type='Identifier'] > ArrowFunctionExpression",
    message: "No `.only`: it disables all other tests.",
  },
];

const strict = {
  "@typescript-eslint/no-explicit-any": "error",
  "@typescript-eslint/no-non-null-assertion": "error",
  "@typescript-eslint/ban-ts-comment": ["error", { "ts-expect-error": "allow-with-description" }],
  "no-restricted-syntax": ["error", ...forbiddenSyntax],
  "no-control-regex": "error",
  "no-empty": "error",
  "no-var": "error",
  "prefer-const": "error",
  eqeqeq: "error",
};

export default tseslint.config(
  // Generated files.
  { ignores: ["dist/", "docs/editors/vscode/dist/", "gateway/control/validators.mjs"] },
  {
    ignores: ["node_modules/", "**/node_modules/", "**/*.wasm", "docs/deploy/", "tests/cases/"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
  {
    files: ["**/*.ts"],
    ignores: ["runtime/engine/**", "runtime/envoy/**", "runtime/os/net/**"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      ...strict,
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-base-to-string": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-for-in-array": "error",
      "@typescript-eslint/no-implied-eval": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/no-unsafe-argument": "error",
      "@typescript-eslint/no-unsafe-assignment": "error",
      "@typescript-eslint/no-unsafe-call": "error",
      "@typescript-eslint/no-unsafe-member-access": "error",
      "@typescript-eslint/no-unsafe-return": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/restrict-plus-operands": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ["runtime/engine/**/*.ts", "runtime/envoy/**/*.ts", "runtime/os/net/**/*.ts"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    // AssemblyScript decorates plain functions and variables.
    languageOptions: { parser: tseslint.parser, parserOptions: { allowInvalidAST: true } },
    rules: { ...strict, eqeqeq: "off" },
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    ignores: ["eslint.config.js"],
    rules: { "no-empty": "error", "no-var": "error", "prefer-const": "error", eqeqeq: "error" },
  },
);
