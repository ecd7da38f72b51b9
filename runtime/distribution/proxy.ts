// HTTPS_PROXY and NO_PROXY, as curl reads them. A proxy gets a CONNECT and relays bytes that it can't read.
import { BlockList, isIP, isIPv6, type Socket } from "node:net";
import { failed, ok, type Result } from "../result/result.ts";
import { isLoopback } from "./location.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for a URL; null for none. The error is one sentence. */
export function proxyFor(url: URL, env: Environment): Result<URL | null, string> {
  const given = env["HTTPS_PROXY"] ?? env["https_proxy"] ?? "";
  if (given === "" || url.protocol !== "https:" || isLoopback(url) || isExcluded(url, env["NO_PROXY"] ?? env["no_proxy"] ?? "")) return ok(null);
  const text = given.includes("://") ? given : `http://${given}`;
  const proxy = URL.canParse(text) ? new URL(text) : null;
  // The value may contain a password, so no message shows it.
  if (proxy?.protocol !== "http:" || proxy.hostname === "") return failed("HTTPS_PROXY is not http://HOST:PORT");
  if (loginAt(proxy) === null) return failed("the login in HTTPS_PROXY has a `%` that is no escape: write `%25` for it");
  return ok(proxy);
}

/** USER:PASSWORD, or an empty text for none; null where it can't be decoded. */
function loginAt({ username, password }: URL): string | null {
  try {
    return username === "" ? "" : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return null;
  }
}

/** `NO_PROXY`: names with their subdomains, addresses and networks, each perhaps with a port; `*` for all. */
function isExcluded({ hostname, port }: URL, list: string): boolean {
  const host = unbracketed(hostname).toLowerCase();
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "*") return true;
    const [name, wanted] = placeOf(entry.toLowerCase());
    if (name === "" || (wanted !== null && wanted !== (port === "" ? "443" : port))) return false;
    if (isIP(host) !== 0) return name === host || isInside(host, name);
    const domain = name.replace(/^\*?\./, "");
    return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
  });
}

/** An entry without its port, and the port; the colons of a bare IPv6 address are no port. */
function placeOf(entry: string): readonly [name: string, port: string | null] {
  if (isIPv6(entry.split("/")[0] ?? "")) return [entry, null];
  const [, name = entry, port = null] = /^(.*):([0-9]{1,5})$/.exec(entry) ?? [];
  return [unbracketed(name), port];
}

function unbracketed(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

function isInside(host: string, network: string): boolean {
  const [address = "", length = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || !/^[0-9]{1,3}$/.test(length) || Number(length) > (family === 4 ? 32 : 128)) return false;
  const block = new BlockList();
  block.addSubnet(address, Number(length), family === 4 ? "ipv4" : "ipv6");
  return block.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** A stream through the proxy to the URL's host. `opened` gets the request's socket, to be destroyed where it is too slow. */
export function tunnel(proxy: URL, url: URL, opened: (end: () => void) => void): Promise<Result<Socket, string>> {
  return new Promise((resolve) => {
    const place = `${url.hostname}:${url.port === "" ? "443" : url.port}`;
    const login = loginAt(proxy);
    if (login === null) return resolve(failed(`the login for the proxy ${proxy.host} can't be decoded`));
    const connecting = process.getBuiltinModule("node:http").request({
      method: "CONNECT",
      host: unbracketed(proxy.hostname),
      port: proxy.port === "" ? 80 : Number(proxy.port),
      path: place,
      agent: false,
      headers: { host: place, ...(login !== "" && { "proxy-authorization": `Basic ${Buffer.from(login).toString("base64")}` }) },
    });
    opened(() => connecting.destroy());
    connecting.once("connect", ({ statusCode = 0 }, socket, head) => {
      if (statusCode === 200 && head.length === 0) return resolve(ok(socket));
      socket.destroy();
      resolve(failed(`the proxy ${proxy.host} answered ${statusCode} to CONNECT`));
    });
    connecting.once("response", ({ statusCode = 0 }) => {
      connecting.destroy();
      resolve(failed(`the proxy ${proxy.host} answered ${statusCode} to CONNECT`));
    });
    connecting.once("error", (error) => resolve(failed(`the proxy ${proxy.host} can't be reached (${error.message})`)));
    connecting.end();
  });
}
