// Where an expose leads to: a loopback endpoint or a unix socket.
import { formatAddress, isLoopback } from "../../../runtime/net/address.ts";
import type { BackendNode } from "../../ast/nodes.ts";
import { MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";
import { quote } from "../../diagnostics/quote.ts";
import { readEndpoint } from "../names/endpoint.ts";
import type { Backend } from "../../policy/policy.ts";
import { sayProblem, type Report } from "../../diagnostics/report.ts";

export function checkBackend(report: Report, { target }: BackendNode): Backend | null {
  if (target.kind === "unix") return unixBackend(report, target);
  const endpoint = readEndpoint(target.text);
  if ("code" in endpoint) {
    sayProblem(report, endpoint, target.span);
    return null;
  }
  if (!isLoopback(endpoint.address)) {
    report.say("ING403", `the backend ${quote(target.text)} is not a loopback address`, target.span, {
      help: "a backend is reached on 127.0.0.0/8 or ::1, or through a unix socket, so that nothing reaches it but the gateway",
    });
    return null;
  }
  return { kind: "tcp", host: formatAddress(endpoint.address), port: endpoint.port };
}

function unixBackend(report: Report, { text, span }: BackendNode["target"]): Backend | null {
  const bytes = new TextEncoder().encode(text).length;
  const wrong =
    text === "" ? "is empty"
    : !text.startsWith("/") ? "is not absolute"
    : text.endsWith("/") ? "names a folder"
    : text.split("/").some((part) => part === ".." || part === ".") ? "goes by way of `.` or `..`"
    : bytes > MAX_UNIX_PATH_BYTES ? `has more than ${MAX_UNIX_PATH_BYTES} bytes`
    : null;
  if (wrong === null) return { kind: "unix", path: text };
  report.say("ING404", `the path ${quote(text)} of a unix socket ${wrong}`, span, { help: "write the socket's whole path: `backend unix \"/run/web.sock\"`" });
  return null;
}
