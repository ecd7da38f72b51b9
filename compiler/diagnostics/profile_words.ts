// ING801 to ING817: what the profile `os` does not have. Their data and their words.
import { OS_PAGES } from "../../runtime/abi/profiles.ts";
import { PAGE_BYTES } from "../../runtime/abi/layout.ts";
import { quote } from "./quote.ts";
import type { Words, WordsOf } from "./sentence.ts";
import { grouped } from "../../runtime/text/number.ts";

/** `clause`: the words, such as `as mtls`. */
interface HostOnly {
  readonly clause: string;
}

/** The part of the tables that needs the most memory, and the part of the policy that uses the most of it. */
export type PageUse =
  | { readonly part: "addresses"; readonly net: string | null; readonly ranges: number }
  | { readonly part: "names"; readonly names: number }
  | { readonly part: "outcomes"; readonly exposes: number; readonly classes: number; readonly expose: string }
  | { readonly part: "ports"; readonly expose: string; readonly ranges: number }
  | { readonly part: "exposes"; readonly exposes: number };

export interface ProfileData {
  ING801: HostOnly;
  ING802: HostOnly;
  ING803: HostOnly;
  ING804: HostOnly;
  ING805: HostOnly;
  ING806: { readonly bytes: number; readonly part: PageUse["part"] | null; readonly partBytes: number; readonly use: PageUse | null };
  ING807: { readonly counted: number; readonly room: number; readonly caps: number };
  ING808: HostOnly;
  ING809: HostOnly;
  ING810: HostOnly;
  ING811: HostOnly;
  ING812: HostOnly;
  ING813: HostOnly;
  ING814: HostOnly;
}

function hostOnly(why: string, help: string): (data: HostOnly) => Words {
  return ({ clause }) => ({ message: `\`${clause}\` is not available in the profile \`os\`: ${why}`, help });
}

const PAGE_HELP: Readonly<Record<PageUse["part"], string>> = {
  addresses: "write fewer or wider prefixes there; long lists are for policies of the profile `host`",
  names: "name fewer hosts there, or their parent with `*.`",
  outcomes: "let several exposes have the same nets, write fewer rules, or expose one service on several ports",
  ports: "expose whole ranges instead of single ports, and bind whole nets",
  exposes: "expose fewer services, or one on several ports",
};

export const PROFILE_WORDS: WordsOf<ProfileData> = {
  ING801: hostOnly(
    "no TLS is terminated there",
    "write `as passthrough`: TLS then goes through to the service, and rules may match the name in the client's hello; remove `cert`",
  ),
  ING802: hostOnly("no client certificate is requested there", "distinguish clients by `from` and, with `as passthrough`, by `sni`; remove `ca` and `client`"),
  ING803: hostOnly("clients have no identities there", "count `per source`"),
  ING804: hostOnly("there is no token with which a service could bind by itself there", "expose the service through the gateway, with or without a `backend`"),
  ING805: hostOnly("there are no unix sockets there", "write `backend ADDRESS:PORT`, or remove it: the port then opens when the service registers"),
  ING806: ({ bytes, part, partBytes, use }) => ({
    message: `the policy needs ${grouped(bytes)} bytes of memory, and the profile \`os\` has one page of ${grouped(OS_PAGES * PAGE_BYTES)}${use === null ? "" : `; the most, ${grouped(partBytes)}, go to ${pageUse(use)}`}`,
    ...(part === null ? {} : { help: PAGE_HELP[part] }),
  }),
  ING807: ({ counted, room, caps }) => ({
    message: `connections are counted \`per source\` up to ${grouped(counted)} at once, and the page of the profile \`os\` has room to count ${grouped(room)}`,
    label: caps === 1 ? "" : "the most of them here",
    help: `write a \`cap\` of at most ${grouped(room)} connections${caps === 1 ? "" : " in all"}, or count none of them \`per source\``,
    related: ["and here"],
  }),
  ING808: hostOnly("nothing but what the gateway forwards has a port there", "remove it from a policy for an image"),
  ING811: hostOnly("an image forwards a client's bytes and adds none", "remove it from a policy for an image"),
  ING812: hostOnly("an image reads no PROXY header, so that every peer is the source", "remove it: rules then see the load balancer's address as the source"),
  ING813: hostOnly("an image chooses no backend, and tries no other one", "write one backend; several exposes may have one each"),
  ING814: hostOnly("an image has no way to other hosts", "let the service run in the image, with a loopback address"),
  ING809: hostOnly("an image forwards connections, and no datagrams", "expose the service on tcp there, or remove it from a policy for an image"),
  ING810: hostOnly("no TLS is terminated there, so that client and service choose the protocol between them", "remove it"),
};

function pageUse(use: PageUse): string {
  switch (use.part) {
    case "addresses":
      return `addresses, of which ${use.net === null ? "this rule" : `the net ${quote(use.net)}`} has ${grouped(use.ranges)} ranges`;
    case "names":
      return `host names, of which this rule has ${grouped(use.names)}`;
    case "outcomes":
      return `what ${grouped(use.exposes)} exposes do with ${grouped(use.classes)} kinds of sources; the most rules are those of ${quote(use.expose)}`;
    case "ports":
      return `ports and \`bind\`, of which ${quote(use.expose)} has ${grouped(use.ranges)} ranges`;
    case "exposes":
      return `${grouped(use.exposes)} exposes and their limits`;
  }
}
