// The stable codes of diagnostics. A code is never renumbered or reused; docs/diagnostics.md
// has a heading for each, with a before and an after, and a test compares the two.
// ING1xx the text, 2xx names and sets, 3xx literals, 4xx statements, 5xx other files, 6xx bounds,
// 801 to 817 what the profile `os` does not have, 818 to 849 warnings of `ingressc check`, 850 and 851 what an `invariant` can't
// claim, 852 to 859 what an image can't keep of a policy,
// 873 to 879 files of other programs, 880 to 899 warnings that depend on the date,
// 900 to 929 what another program can't do of a policy.

/** How much of the source a rendering may show: list files give no more than the token. */
type Excerpt = "line" | "token";

/** A policy with errors can't be used; one with warnings alone is what its author wrote. */
type Severity = "error" | "warning";

interface CodeRow {
  readonly title: string;
  readonly excerpt: Excerpt;
  readonly severity: Severity;
}

const line = (title: string): CodeRow => ({ title, excerpt: "line", severity: "error" });
const token = (title: string): CodeRow => ({ title, excerpt: "token", severity: "error" });
const warning = (title: string): CodeRow => ({ title, excerpt: "line", severity: "warning" });

export const CODES = {
  ING101: line("a character that the language does not have"),
  ING102: line("a string that is not closed"),
  ING103: line("a control character in a string"),
  ING104: line("not a statement"),
  ING105: line("not a clause of this block"),
  ING106: line("something else was expected"),
  ING107: line("a block that is not closed"),
  ING108: line("a `}` without its `{`"),
  ING109: line("a clause of a rule twice or out of order"),
  // ING110 was "not in this release"; see ING7xx.
  ING111: line("the policy does not begin with `edition 1`"),
  ING112: line("an edition that this release does not read"),
  ING113: line("`edition` twice"),
  ING114: line("`on` in a rule of an expose"),
  ING115: line("not a parameter here"),
  ING116: line("an annotation that is about nothing"),
  ING117: line("statements and clauses in one template"),

  ING201: line("an unknown name"),
  ING202: line("a name declared twice"),
  ING203: line("a reserved name"),
  ING204: line("a port exposed twice"),
  ING205: line("a name that is too long"),
  ING206: line("a set that contains itself"),
  ING207: line("a set that is empty after `except`"),
  ING208: line("a member of another type"),
  ING209: line("two services with one hash"),
  ING211: line("a template that uses itself"),
  ING212: line("a wrong number of arguments"),
  ING213: line("a parameter that is not used"),
  ING214: line("an argument of the wrong kind"),
  ING215: line("a claim about nobody"),

  ING301: line("an octet with a leading zero"),
  ING302: line("an IPv4 address that is not four decimal numbers"),
  ING303: line("a prefix with host bits set"),
  ING304: line("a wrong prefix length"),
  ING305: line("an IPv6 zone"),
  ING306: line("an IPv4-mapped prefix shorter than /96"),
  ING307: line("not an address"),
  ING308: line("not a port"),
  ING309: line("a range whose end is before its start"),
  ING310: line("a number out of its range"),
  ING311: line("not an address with a port"),
  ING312: line("a prefix where one address is wanted"),
  ING313: line("not a time"),
  ING314: line("not a duration"),
  ING315: line("not a host name"),
  ING316: line("a `*` where none is allowed"),
  ING317: line("not an identity"),

  ING401: line("an `allow` without `from`"),
  ING402: line("a `deny` without a clause"),
  ING403: line("a backend that is not loopback"),
  ING404: line("not a path of a unix socket"),
  ING405: line("a clause that is allowed only once"),
  ING406: line("an address that no interface can have"),
  ING407: line("not a rate"),
  ING408: line("too many limits on one listener"),
  ING409: line("not a reason"),
  ING410: line("a backend that is the gateway itself"),
  ING411: line("not a mode"),
  ING412: line("a `cert` or `ca` that is missing"),
  ING413: line("a `cert` or `ca` that is not used"),
  ING414: line("not the name of a certificate"),
  ING415: line("a clause in an expose `as direct`"),
  ING416: line("an expose `as direct`, or a `dial`, without its reason"),
  ING417: line("`sni` where no name is read"),
  ING418: line("`client` or `per identity` where no certificate is requested"),
  ING419: line("`after` or `until` in a `deny`"),
  ING420: line("a template used where it can't be"),
  ING421: line("an annotation that says nothing, or too much"),
  ING422: line("outcomes that do not add up"),
  ING423: line("a `deny` for ports that the gateway does not open"),
  ING424: line("a `dial` over tcp"),
  ING425: line("an expose on udp without `amplify`"),
  ING426: line("`amplify` where no datagrams are forwarded"),
  ING427: line("a unix socket as the backend of udp"),
  ING428: line("`for` where no name is read"),
  ING429: line("a pattern in the `for` of two exposes"),
  ING430: line("a test whose name leads to another expose"),
  ING431: line("a protocol of `alpn` that can't be one"),
  ING432: line("an `allow` that ends before it begins"),
  ING433: line("not a version of the PROXY protocol"),
  ING434: line("`proxy` where no connections are forwarded"),
  ING435: line("too many caps per source"),
  ING440: line("`via` where the gateway reads no PROXY header"),
  ING441: line("a `via` with addresses that can't be trusted, or with none"),
  ING442: line("a wide `via` without a reason"),
  ING443: line("exposes of one port that differ in `via`"),
  ING444: line("a test with a PROXY header that is not read"),
  ING445: line("a backend named twice"),
  ING447: line("not an address of another host"),

  ING501: line("a list file that can't be had"),
  ING502: token("a line of a list file that is not an entry"),
  ING503: line("a list file with more entries than its `max`"),
  ING504: line("a list file with more errors than are shown"),
  ING505: line("an import that can't be had"),
  ING506: line("a file that imports itself"),
  ING507: line("a list file with fewer entries than its `min`"),

  ING601: line("a source file that is too large"),
  ING602: line("blocks nested too deeply"),
  ING603: line("too many rules"),
  ING604: line("too many prefixes"),
  ING605: line("too many exposes"),
  ING606: line("more errors than are shown"),
  ING607: line("a policy that needs too much memory"),
  ING608: line("imports that are too deep or too large"),
  ING609: line("templates that are too deep or make too much"),
  ING610: line("too many host names or identities"),
  ING611: line("more than the budget allows"),
  ING612: line("too many exposes that share ports"),
  ING613: line("a burst that is too large for its window"),
  ING614: line("too many caps and limits"),
  ING616: line("a `via` of too many ranges"),
  ING617: line("too many backends of one expose"),

  // ING701 to ING706 were about TLS, clients' certificates, identities, `as direct`, udp and invariants, before there was a release that had them.
  ING801: line("TLS is not terminated in the profile `os`"),
  ING802: line("clients' certificates are not requested in the profile `os`"),
  ING803: line("identities are not counted in the profile `os`"),
  ING804: line("no service binds by itself in the profile `os`"),
  ING805: line("there are no unix sockets in the profile `os`"),
  ING806: line("a policy that does not fit the page of the profile `os`"),
  ING807: line("caps per source that count more than fits the page of the profile `os`"),
  ING808: line("no service dials over udp in the profile `os`"),
  ING809: line("no datagrams are forwarded in the profile `os`"),
  ING810: line("no protocol is negotiated in the profile `os`"),
  ING811: line("no PROXY header is sent in the profile `os`"),
  ING812: line("no PROXY header is read in the profile `os`"),
  ING813: line("an expose has one backend in the profile `os`"),
  ING814: line("a backend is not on another host in the profile `os`"),

  ING818: warning("an `allow` whose requests a `deny` refuses"),
  ING819: warning("an `allow` and a `deny` that say the same"),
  ING820: warning("an `allow` that no request can reach"),
  ING821: warning("an `allow` beside others that admit the same"),
  ING822: warning("a `deny` of what nothing admits"),
  ING823: warning("a `deny` beside others that refuse the same"),
  ING824: warning("a `deny` on ports that nobody exposes"),
  ING825: warning("a `deny` by what nobody reads"),
  ING826: warning("a `dryrun` that never differs"),
  ING827: warning("an `allow` from everywhere without a reason"),
  ING828: warning("a set that is not used"),
  ING829: warning("an import that is not used"),
  ING830: warning("a template that is not used"),
  ING831: warning("a list file without entries"),
  ING832: warning("members of a `bind` that overlap"),
  ING833: warning("an expose without a test"),
  ING834: warning("a certificate that is shared by a name with h2"),
  ING835: warning("an `@lint off` that is not used"),
  ING836: warning("rules that were not judged"),
  ING837: warning("decrypted bytes that go to another host"),

  ING850: line("a claim about an expose that has another mode"),
  ING851: line("a claim that is true of every policy"),
  ING852: warning("caps above the places of the image"),
  ING873: line("a file that is not of the format that `--from` names"),
  ING874: line("a part that an imported file lacks, or that is of another kind"),
  ING875: line("an imported file that admits nobody"),
  ING877: line("an imported file that is too large"),

  ING880: warning("an `allow` that has ended"),
  ING881: warning("an `allow` that ends soon"),

  ING900: line("a mode that the target does not have"),
  ING901: line("udp for a target without it"),
  ING902: line("a load balancer before the target"),
  ING903: line("a cap or a limit that the target does not have"),
  ING904: line("a moment that the target does not know"),
  ING905: line("a `bind` that the target does not have"),
  ING906: line("a backend that the target can't reach"),
  ING907: line("a listener that the target has no room for"),
  ING908: line("a whole host without a way in"),
  ING909: line("an identity that the target can't refuse"),
  ING910: line("an `alpn` that the target does not have"),

  ING925: line("a protocol that a profile does not distinguish"),
  ING926: line("a `bind` that a profile does not distinguish"),
  ING927: line("a bind that only ingressd may have"),
  ING928: line("a profile with too many rules"),
  ING929: line("an exposure without its rate"),
  ING930: line("sources that an exposure can't have"),
  ING931: line("a subject that can't have these exposures"),
  ING932: line("an exposure with several ports"),
  ING933: line("a backend that a profile can't have"),
} as const satisfies Record<`ING${number}`, CodeRow>;

export type DiagnosticCode = keyof typeof CODES;

export function isDiagnosticCode(text: string): text is DiagnosticCode {
  return Object.hasOwn(CODES, text);
}

/** A warning changes nothing but what `ingressc check` prints. */
export function isWarning(code: DiagnosticCode): boolean {
  return CODES[code].severity === "warning";
}

/** Warnings that come and go with the date, and not with the policy. */
export function isDated(code: string): boolean {
  return code.startsWith("ING88");
}
