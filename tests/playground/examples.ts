// The examples of the page, each with its file and requests about it, chosen by hand: every phase decides one of them.
import { PROJECT } from "../cli/programs.ts";

const of = (
  name: string,
  file: string,
  requests: readonly string[],
): { readonly name: string; readonly file: string; readonly requests: readonly string[] } => ({
  name,
  file: `${PROJECT}policies/${file}.ingress`,
  requests,
});

export const EXAMPLES = [
  of("A first policy", "demo", ["from 127.0.0.2 to web", "from 127.0.0.1 to web", "from 127.0.0.1 to tcp 22", "bind web on 0.0.0.0:18443"]),
  of("Several sites on one port", "names", [
    'from 203.0.113.9 to tcp 443 sni "old.shop.example.com"',
    'from 203.0.113.9 to tcp 443 sni "shop.example.com"',
    'from 198.51.100.9 to tcp 443 sni "ops.example.com" client uri "spiffe://corp.example/ops/1"',
  ]),
  of("TLS and client certificates", "console", [
    'from 198.51.100.7 to console client uri "spiffe://corp.example/ops/carol"',
    'from 198.51.100.7 to console client uri "spiffe://corp.example/ops/alice"',
    "from 203.0.113.9 to web",
    'from 203.0.113.9 to web sni "www.example.com"',
  ]),
  of("Invariants", "guarded", ["from 203.0.113.9 to web", "from 198.51.100.33 to metrics"]),
  of("A mail server", "mail", ["from 203.0.113.9 to smtp", "from 203.0.113.9 to tcp 143"]),
  of("Behind a load balancer", "behind_balancer", [
    'from 203.0.113.9 via 10.0.0.5 to admin sni "admin.example.com"',
    'from 203.0.113.9 via 10.0.0.5 to web sni "www.example.com"',
  ]),
  of("Several backends", "several_backends", ['from 203.0.113.9 to shop sni "www.example.com"', "from 198.51.100.7 to dns"]),
  of("Nothing is reachable", "shut", ["from 127.0.0.1 to tcp 443"]),
] as const;
