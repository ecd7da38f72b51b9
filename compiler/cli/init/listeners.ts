// Finds the sockets of this host that others can reach: the tables of /proc/net, and the programs that have the sockets. Nothing is changed, and what can't
// be read (the descriptors of other users' programs) is unknown.
import { basename } from "node:path";
import { CLOSE, namesIn, numbersIn, read, socketInode, socketRows, target, TCP_LISTEN, type SocketRow } from "../../../runtime/shell/procfs.ts";
import { formatAddress, isLoopback, isV4, isWildcard, type Address } from "../../../runtime/net/address.ts";

export interface Listener {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** In the order of the tables, each once. */
  readonly addresses: readonly Address[];
  /** `nginx`; null where it is not known. */
  readonly program: string | null;
  /** The user who opened the socket; its number where it has no name. */
  readonly user: string;
}

export interface Found {
  readonly listeners: readonly Listener[];
  /** Ports of any socket, on whatever address: no service is moved to one of them. */
  readonly usedPorts: ReadonlySet<number>;
}

const TABLES = [
  ["tcp", "tcp", TCP_LISTEN],
  ["tcp6", "tcp", TCP_LISTEN],
  ["udp", "udp", CLOSE],
  ["udp6", "udp", CLOSE],
] as const;

/** Null where there are no tables: not Linux, or no /proc. `proc`, `passwd`: their paths. */
export function findListeners(proc: string, passwd: string): Found | null {
  const net = `${proc}/self/net`;
  if (!namesIn(net).includes("tcp")) return null;
  const rows = TABLES.flatMap(([table, protocol, state]) => socketRows(read(`${net}/${table}`), state).map((row) => ({ ...row, protocol })));
  const everyPort = TABLES.flatMap(([table]) => socketRows(read(`${net}/${table}`)).map(({ port }) => port));
  const open = rows.filter(({ address, isConnected, port }) => !isLoopback(address) && !isConnected && port > 0);
  const ephemeral = ephemeralPorts(proc);
  // A datagram socket at a port that the kernel chose is a client's.
  const served = open.filter(({ protocol, port }) => protocol === "tcp" || port < ephemeral.first || port > ephemeral.last);
  const programs = programsOf(proc, new Set(served.map(({ inode }) => inode)));
  const users = usersOf(passwd);
  const groups = new Map<string, Listener>();
  for (const row of served) {
    const program = programs.get(row.inode) ?? null;
    const key = `${row.protocol} ${row.port} ${program ?? ""}`;
    const known = groups.get(key);
    groups.set(key, known === undefined ? listenerOf(row, program, users) : { ...known, addresses: withAddress(known.addresses, row.address) });
  }
  return { listeners: [...groups.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1)), usedPorts: new Set(everyPort) };
}

function listenerOf(
  { protocol, port, address, uid }: SocketRow & { readonly protocol: "tcp" | "udp" },
  program: string | null,
  users: ReadonlyMap<number, string>,
): Listener {
  return { protocol, port, addresses: [address], program, user: users.get(uid) ?? String(uid) };
}

function withAddress(addresses: readonly Address[], address: Address): readonly Address[] {
  return addresses.some((known) => known.join() === address.join()) ? addresses : [...addresses, address];
}

/** Sockets by inode, with the name of a program that has them. */
function programsOf(proc: string, wanted: ReadonlySet<number>): ReadonlyMap<number, string> {
  const programs = new Map<number, string>();
  for (const pid of numbersIn(proc)) {
    if (programs.size === wanted.size) break;
    for (const fd of numbersIn(`${proc}/${pid}/fd`)) {
      const inode = socketInode(`${proc}/${pid}/fd/${fd}`);
      if (inode !== null && wanted.has(inode) && !programs.has(inode)) programs.set(inode, programOf(proc, pid));
    }
  }
  return programs;
}

/** The program's own name, because several are one file under many names. Of an interpreter, the script. */
function programOf(proc: string, pid: number): string {
  const exe = basename(target(`${proc}/${pid}/exe`).replace(/ \(deleted\)$/, ""));
  if (!/^(?:node|python[0-9.]*|ruby[0-9.]*|perl[0-9.]*|bash|sh|dash)$/.test(exe)) {
    const own = read(`${proc}/${pid}/comm`, 64).trim();
    return own === "" ? exe : own;
  }
  const words = read(`${proc}/${pid}/cmdline`, 65_536).split("\0").slice(1);
  const script = words.find((word) => word !== "" && !word.startsWith("-"));
  const isFile = script !== undefined && /^[\w./+-]+$/.test(script) && !words.some((word) => /^-(?:e|c|m|-eval)$/.test(word));
  return isFile ? basename(script).replace(/\.\w+$/, "") : exe;
}

function usersOf(passwd: string): ReadonlyMap<number, string> {
  return new Map(
    read(passwd)
      .split("\n")
      .flatMap((line): [number, string][] => {
        const [name = "", , uid = ""] = line.split(":");
        return /^[A-Za-z_][\w.-]*\$?$/.test(name) && /^\d+$/.test(uid) ? [[Number(uid), name]] : [];
      }),
  );
}

function ephemeralPorts(proc: string): { readonly first: number; readonly last: number } {
  const [first = "32768", last = "60999"] = read(`${proc}/sys/net/ipv4/ip_local_port_range`, 64).trim().split(/\s+/);
  return { first: Number(first) || 32_768, last: Number(last) || 60_999 };
}

/** `0.0.0.0:80 and [::]:80` */
export function placesText({ addresses, port }: Listener): string {
  return addresses.map((address) => (isV4(address) ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`)).join(" and ");
}

export function isWide({ addresses }: Listener): boolean {
  return addresses.some(isWildcard);
}
