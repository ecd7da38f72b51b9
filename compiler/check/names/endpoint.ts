// `ADDRESS:PORT`, with brackets around IPv6.
import { formatEndpoint } from "../../../runtime/net/address.ts";
import { readAddress } from "./literals.ts";
import type { AddressWords } from "../../policy/policy.ts";
import { readPort } from "./port_numbers.ts";
import { isProblem, problem, type Problem } from "../../diagnostics/report.ts";

export interface Endpoint {
  readonly address: AddressWords;
  readonly port: number;
}

/** A label with a letter that no address has, or a last label of letters. */
const NAME = /^(?=[^:]*$)(?:.*\.)?[a-z_][a-z0-9_-]*$/i;

export function readEndpoint(text: string): Endpoint | Problem {
  const parts = /^(\[[^\]]*\]|[^:[\]]*):([^:[\]]*)$/.exec(text);
  if (parts === null) return problem("ING311", { literal: text, fault: "form" }, meant(text));
  const [, host = "", portText = ""] = parts;
  const bare = host.startsWith("[") ? host.slice(1, -1) : host;
  if (host.startsWith("[") && !bare.includes(":")) {
    return problem("ING311", { literal: host, fault: "ipv6" });
  }
  if (/^localhost$/i.test(bare)) {
    return problem("ING311", { literal: bare, fault: "localhost", port: portText });
  }
  if (host === "") return problem("ING311", { literal: text, fault: "no_address" });
  if (NAME.test(bare)) return problem("ING311", { literal: bare, fault: "host_name" });
  const address = readAddress(bare);
  if (isProblem(address)) {
    // The fix replaces the whole text, so it needs the port as well.
    const fixed = address.replace === null ? null : readAddress(address.replace);
    const port = Number(portText);
    return { ...address, replace: fixed === null || isProblem(fixed) || !/^[0-9]{1,5}$/.test(portText) ? null : formatEndpoint(fixed, port) };
  }
  const port = readPort(portText);
  if (typeof port !== "number") return { ...port, replace: null };
  return { address, port };
}

/** The same, or with port 0: a port of the kernel's choice, as udp clients have. */
export function readUdpEndpoint(text: string): Endpoint | Problem {
  const chosen = /^(.*):0$/.exec(text)?.[1];
  if (chosen === undefined) return readEndpoint(text);
  const endpoint = readEndpoint(`${chosen}:1`);
  return isProblem(endpoint) ? endpoint : { ...endpoint, port: 0 };
}

function meant(text: string): string | null {
  const url = /^(?:https?|tcp):\/\/([^/]+)\/?$/i.exec(text)?.[1];
  if (url !== undefined) return isProblem(readEndpoint(url)) ? null : url;
  // `::1:8080` is an address too.
  if (!isProblem(readAddress(text))) return null;
  const unbracketed = /^([0-9A-Fa-f:]*:):?([0-9]{1,5})$/.exec(text);
  if (unbracketed === null) return null;
  const whole = /^(.*):([0-9]{1,5})$/.exec(text);
  const address = readAddress(whole?.[1] ?? "");
  return isProblem(address) ? null : formatEndpoint(address, Number(whole?.[2]));
}
