// Policies to begin with: those of the project that are one file.
import balancer from "../../../policies/behind_balancer.ingress";
import certificates from "../../../policies/console.ingress";
import demo from "../../../policies/demo.ingress";
import guarded from "../../../policies/guarded.ingress";
import mail from "../../../policies/mail.ingress";
import names from "../../../policies/names.ingress";
import backends from "../../../policies/several_backends.ingress";
import shut from "../../../policies/shut.ingress";

export interface Example {
  readonly name: string;
  readonly text: string;
  /** A request to begin with. */
  readonly request: string;
}

export const EXAMPLES: readonly Example[] = [
  { name: "A first policy", text: demo, request: "from 127.0.0.2 to web" },
  { name: "Several sites on one port", text: names, request: 'from 203.0.113.9 to tcp 443 sni "old.shop.example.com"' },
  { name: "TLS and client certificates", text: certificates, request: 'from 198.51.100.7 to console client uri "spiffe://corp.example/ops/carol"' },
  { name: "Invariants", text: guarded, request: "from 203.0.113.9 to web" },
  { name: "A mail server", text: mail, request: "from 203.0.113.9 to smtp" },
  { name: "Behind a load balancer", text: balancer, request: 'from 203.0.113.9 via 10.0.0.5 to admin sni "admin.example.com"' },
  { name: "Several backends", text: backends, request: 'from 203.0.113.9 to shop sni "www.example.com"' },
  { name: "Nothing is reachable", text: shut, request: "from 127.0.0.1 to tcp 443" },
];
