// The demo's backend: one page over HTTP on a loopback address, `node backend.mjs HOST PORT`.
// Ends when its standard input does, so that it can't outlive the process that started it.
process.on("SIGUSR1", () => undefined);
const { createServer } = await import("node:http");

const [host = "127.0.0.1", port = "18080"] = process.argv.slice(2);

const page = `<!doctype html>
<meta charset="utf-8">
<title>behind ingressd</title>
<h1>behind ingressd</h1>
<p>You read this because the policy has an <code>allow</code> for your address.</p>
`;

const server = createServer((request, response) => {
  const wantsHtml = (request.headers.accept ?? "").includes("text/html");
  response.writeHead(200, { "content-type": wantsHtml ? "text/html; charset=utf-8" : "text/plain" });
  response.end(wantsHtml ? page : "hello from behind ingressd\n");
});

server.on("error", (error) => {
  console.error(`backend: can't listen on ${host}:${port} (${error.code})`);
  process.exit(5);
});
server.listen(Number(port), host, () => console.log("backend: ready"));
process.stdin.resume().on("end", () => process.exit(0));
