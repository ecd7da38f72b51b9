// `ADDRESS:PORT`, with brackets around IPv6.
import { formatEndpoint } from "../../../runtime/net/address.ts";
import { readAddress } from "./literals.ts";
import type { AddressWords } from "../../policy/policy.ts";
import { readPort } from "./port_numbers.ts";
import { refused, type Problem } from "../../diagnostics/report.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";

export interface Endpoint {
  readonly address: AddressWords;
  readonly port: number;
}

/** A label with a letter that no address has, or a last label of letters. */
const NAME = /^(?=[^:]*$)(?:.*\.)?[a-z_][a-z0-9_-]*$/i;

export function readEndpoint(text: string): Result<Endpoint, Problem> {
  const parts = /^(\[[^\]]*\]|[^:[\]]*):([^:[\]]*)$/.exec(text);
  if (parts === null) return refused("ING311", { literal: text, fault: "form" }, meant(text));
  const [, host = "", portText = ""] = parts;
  const bare = host.startsWith("[") ? host.slice(1, -1) : host;
  if (host.startsWith("[") && !bare.includes(":")) {
    return refused("ING311", { literal: host, fault: "ipv6" });
  }
  if (/^localhost$/i.test(bare)) {
    return refused("ING311", { literal: bare, fault: "localhost", port: portText });
  }
  if (host === "") return refused("ING311", { literal: text, fault: "no_address" });
  if (NAME.test(bare)) return refused("ING311", { literal: bare, fault: "host_name" });
  const address = readAddress(bare);
  if (!address.ok) {
    // The fix replaces the whole text, so it needs the port as well.
    const fixed = address.error.replace === null ? null : readAddress(address.error.replace);
    const port = Number(portText);
    return failed({ ...address.error, replace: fixed?.ok === true && /^[0-9]{1,5}$/.test(portText) ? formatEndpoint(fixed.value, port) : null });
  }
  const port = readPort(portText);
  return port.ok ? ok({ address: address.value, port: port.value }) : failed({ ...port.error, replace: null });
}

/** The same, or with port 0: a port of the kernel's choice, as udp clients have. */
export function readUdpEndpoint(text: string): Result<Endpoint, Problem> {
  const chosen = /^(.*):0$/.exec(text)?.[1];
  if (chosen === undefined) return readEndpoint(text);
  const endpoint = readEndpoint(`${chosen}:1`);
  return endpoint.ok ? ok({ ...endpoint.value, port: 0 }) : endpoint;
}

function meant(text: string): string | null {
  const url = /^(?:https?|tcp):\/\/([^/]+)\/?$/i.exec(text)?.[1];
  if (url !== undefined) return readEndpoint(url).ok ? url : null;
  // `::1:8080` is an address too.
  if (readAddress(text).ok) return null;
  const unbracketed = /^([0-9A-Fa-f:]*:):?([0-9]{1,5})$/.exec(text);
  if (unbracketed === null) return null;
  const whole = /^(.*):([0-9]{1,5})$/.exec(text);
  const address = readAddress(whole?.[1] ?? "");
  return address.ok ? formatEndpoint(address.value, Number(whole?.[2])) : null;
}
