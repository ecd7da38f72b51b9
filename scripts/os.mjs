// npm run os: hands over to os/main.ts, which runs as the TypeScript that it is.
import "../runtime/host/register.mjs";
import "../compiler/cli/chevrotain.mjs";

await import("./os/main.ts");
