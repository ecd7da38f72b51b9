// Sockets that were passed at the start: LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES as systemd's sd_listen_fds(3) has
// them. The variables are removed, so that no process that is started later takes them for its own.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Libc } from "../../runtime/shell/libc.ts";
import { EXIT_MISSING, EXIT_UNSUPPORTED, failure, type Failure } from "../exit.ts";
import { localOf, STORE_PREFIX, type InheritedSocket } from "../listen/inherited.ts";
import { socketReader } from "../listen/socket_facts.ts";

const FIRST = 3;
const VARIABLES = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"] as const;
/** More than any process may have open. */
const MOST = 65_536;

export interface PassedSetup {
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Null without koffi. */
  readonly libc: Libc | null;
  readonly ignoresForeign: boolean;
  readonly say: (sentence: string) => void;
}

/** The sockets that were passed to this process; what is none that could be served is closed with a sentence. */
export function takePassed({ env, pid, libc, ignoresForeign, say }: PassedSetup): Result<readonly InheritedSocket[], Failure> {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names } = env;
  for (const name of VARIABLES) delete env[name];
  if (count === undefined || owner !== String(pid)) return ok([]);
  const end = FIRST + Number(count);
  if (!/^[0-9]{1,5}$/.test(count) || end > MOST) return failed(failure(EXIT_UNSUPPORTED, `LISTEN_FDS = "${count}" is no number of descriptors`));
  if (end === FIRST) return ok([]);
  if (libc === null)
    return failed(
      failure(
        EXIT_MISSING,
        "sockets were passed (LISTEN_FDS), and without koffi they can't be checked: npm install koffi, or start it without the systemd socket unit",
      ),
    );
  const [sockets, foreign] = read(libc, end, (names ?? "").split(":"), say);
  for (const one of foreign) say(`${one}; it is not served`);
  if (foreign.length === 0 || ignoresForeign) return ok(sockets);
  for (const { fd } of sockets) libc.close(fd);
  return failed(
    failure(
      EXIT_UNSUPPORTED,
      `${foreign.length} of the descriptors that were passed (LISTEN_FDS) can't be served: take them out of the socket unit, or start with --ignore-foreign-fds`,
    ),
  );
}

function read(
  libc: Libc,
  end: number,
  names: readonly string[],
  say: (sentence: string) => void,
): readonly [sockets: readonly InheritedSocket[], foreign: readonly string[]] {
  const reader = socketReader(libc);
  const sockets: InheritedSocket[] = [];
  const foreign: string[] = [];
  const places = new Set<string>();
  for (let fd = FIRST; fd < end; fd++) {
    const name = names[fd - FIRST] ?? "";
    const socket = reader(fd, name);
    const place = socket.ok ? `${socket.value.proto} ${localOf(socket.value)}` : "";
    const because =
      !socket.ok ? socket.error.because
      : places.has(place) ? `is a second socket at ${localOf(socket.value)}`
      : null;
    if (because === null && socket.ok) {
      places.add(place);
      sockets.push(socket.value);
      continue;
    }
    const sentence = `descriptor ${fd}${name === "" ? "" : ` (${name})`} ${because ?? "can't be read"}`;
    if (name.startsWith(STORE_PREFIX)) say(`${sentence}; it is not served`);
    else foreign.push(sentence);
    // A number that nobody passed may be a descriptor of Node's own, which is no socket and must stay open.
    if (socket.ok || socket.error.isSocket) libc.close(fd);
  }
  return [sockets, foreign];
}
