// Statements and clauses to fill in, by the block that they are for: with `${1:…}` for what is to be written and `$0` for the end.
import type { Keyword } from "../syntax/keywords.ts";

type Texts = Readonly<Partial<Record<Keyword, string>>>;

export const SNIPPETS: Readonly<Record<"top" | "expose" | "test" | "invariant" | "budget", Texts>> = {
  top: {
    edition: "edition 1\n$0",
    import: 'import "${1:nets.ingress}" as ${2:nets}\n$0',
    net: "net ${1:office} = ${2:198.51.100.0/24}\n$0",
    ports: "ports ${1:web_ports} = ${2:80, 443}\n$0",
    hosts: 'hosts ${1:sites} = "${2:*.example.com}"\n$0',
    ids: 'ids ${1:operators} = uri "${2:spiffe://corp.example/ops/*}"\n$0',
    expose: "expose ${1:web} on tcp ${2:443} {\n  backend 127.0.0.1:${3:8443}\n  allow from ${4:any}\n}\n$0",
    dial: '@why "${1:reason}"\ndial ${2:resolver} on udp\n$0',
    deny: "deny from ${1:bad}\n$0",
    dryrun: "dryrun deny from ${1:bad}\n$0",
    template: "template ${1:service}(\\$${2:name}, \\$${3:port}) {\n  $0\n}",
    use: "use ${1:service}($2)\n$0",
    budget: "budget {\n  rules ${1:100}\n}\n$0",
    invariant: 'invariant "${1:title}" {\n  never from ${2:any} to ${3:web}\n}\n$0',
    test: 'test "${1:title}" {\n  from ${2:198.51.100.7} to ${3:web} => ${4:allow}\n}\n$0',
  },
  expose: {
    backend: "backend 127.0.0.1:${1:8080}",
    cert: 'cert "${1:name}"',
    ca: 'ca "${1:name}"',
    alpn: 'alpn "${1:h2}", "${2:http/1.1}"',
    allow: "allow from ${1:any}",
    deny: "deny from ${1:bad}",
    dryrun: "dryrun deny from ${1:bad}",
    cap: "cap ${1:1000} connections, ${2:20} per source",
    limit: "limit ${1:60/m} per source",
    amplify: "amplify ${1:3}",
    use: "use ${1:template}($2)",
  },
  test: {
    from: "from ${1:198.51.100.7} to ${2:web} => ${3:allow}",
    repeat: "repeat ${1:100} in ${2:1s} from ${3:198.51.100.7} to ${4:web} => allow ${5:100}",
    bind: "bind ${1:web} on tcp ${2:0.0.0.0:443} => ${3:allow}",
  },
  invariant: {
    never: "never from ${1:any} to ${2:web}",
    only: "only from ${1:office} to ${2:web}",
    always: "always from ${1:office} to ${2:web}",
  },
  budget: {
    ports: "ports ${1:10}",
    rules: "rules ${1:100}",
    prefixes: "prefixes ${1:1000}",
    connections: "connections ${1:10000}",
    module: "module ${1:256} KiB",
    steps: "steps ${1:2000}",
  },
};
