// Everything that is measured, in the order of the tables and with the labels of the page.

export interface Subject {
  readonly id: string;
  readonly label: string;
  /** Of the ways into the same product only one says how it loads. */
  readonly loads: boolean;
  /** A colour of the chart that is distinct from its background, light or dark; null: not in the chart. */
  readonly colour: string | null;
}

export const SUBJECTS: readonly Subject[] = [
  { id: "call", label: "ingressd: the module's call", loads: false, colour: "#1f78d1" },
  { id: "batch", label: "ingressd: the module's batch, charged", loads: false, colour: null },
  { id: "host", label: "ingressd: `accept` or `hello` of the host", loads: false, colour: null },
  { id: "admit", label: "ingressd: `admit` of 64, charged", loads: false, colour: null },
  { id: "text", label: "ingressd: the host, from address text", loads: true, colour: "#e8590c" },
  { id: "blocklist", label: "`net.BlockList`", loads: true, colour: "#2f9e44" },
  { id: "ipaddr", label: "ipaddr.js", loads: true, colour: "#9c6ade" },
  { id: "casbin", label: "casbin", loads: true, colour: "#d6336c" },
  { id: "cedar", label: "Cedar", loads: true, colour: "#0c9aa8" },
  { id: "opa", label: "OPA", loads: true, colour: "#a98307" },
  { id: "haproxy", label: "HAProxy's lookup", loads: true, colour: "#868e96" },
  { id: "nginx", label: "nginx's lookup", loads: true, colour: "#a0522d" },
];
