// A coordinator as a process of its own, for tests: calls methods on the control sockets that its standard input names,
// one JSON object each line, and prints each result or error as one. Its connections stay open until it ends.
import { createInterface } from "node:readline";
import { openConnection } from "../../gateway/client/connection.mjs";

const connections = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  const { socket, method, params } = JSON.parse(line);
  if (!connections.has(socket)) connections.set(socket, await openConnection(socket));
  const answer = await connections.get(socket).call(method, params);
  process.stdout.write(`${JSON.stringify(answer.result ?? answer.error)}\n`);
}
