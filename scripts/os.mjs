// npm run os: runs os/main.ts through tsx.
import "../runtime/host/register.mjs";
import "../compiler/cli/chevrotain.mjs";

await import("./os/main.ts");
