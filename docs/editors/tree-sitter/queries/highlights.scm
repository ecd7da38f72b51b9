; No word has two captures, so that the order of the patterns has no effect.

(comment) @comment
(text) @string
[
  (integer)
  (range)
  (rate)
  (prefix_length)
  (duration)
] @constant.numeric
[
  (address)
  (timestamp)
  (literal)
] @constant
(parameter) @variable.parameter

(members
  (identifier) @constant.builtin
  (#match? @constant.builtin "^(any|any4|any6|private|loopback|linklocal|internet)$"))
(members
  (identifier) @variable
  (#not-match? @variable "^(any|any4|any6|private|loopback|linklocal|internet)$"))
(members (qualified) @variable)
(arguments (identifier) @variable)
(arguments (qualified) @variable)
(request (identifier) @variable)
(request (qualified) @variable)
(claim (identifier) @variable)
(bind_line (identifier) @variable)
(bind_line (qualified) @variable)

(mode (identifier) @constant.builtin)
(reason (identifier) @constant.builtin)
(proxy (identifier) @constant.builtin)
(amplify (identifier) @constant.builtin)

(declaration name: (identifier) @type)
(import name: (identifier) @type)
(expose name: (identifier) @function)
(expose service: (identifier) @function)
(dial name: (identifier) @function)
(template name: (identifier) @function)
(use name: (identifier) @function)
(use name: (qualified) @function)
(rule name: (identifier) @label)
(outcome name: (identifier) @label)
(annotation "@" @attribute)
(annotation (identifier) @attribute)

[
  "edition"
  "import"
  "net"
  "ports"
  "hosts"
  "ids"
  "expose"
  "dial"
  "template"
  "use"
  "budget"
  "invariant"
  "test"
  "allow"
  "deny"
  "dryrun"
  "backend"
  "cert"
  "ca"
  "alpn"
  "cap"
  "limit"
  "amplify"
  "named"
  "on"
  "from"
  "sni"
  "client"
  "after"
  "until"
  "bind"
  "repeat"
  "never"
  "only"
  "always"
  "rules"
  "prefixes"
  "connections"
  "module"
  "steps"
  "except"
  "file"
  "max"
  "min"
  "uri"
  "dns"
  "ip"
  "sha256"
  "service"
  "for"
  "tcp"
  "udp"
  "as"
  "unix"
  "remote"
  "per"
  "source"
  "listener"
  "identity"
  "burst"
  "proxy"
  "via"
  "KiB"
  "to"
  "at"
  "in"
  "closing"
  "local"
  "by"
] @keyword

[
  "="
  "=>"
] @operator
"," @punctuation.delimiter
[
  "{"
  "}"
  "("
  ")"
] @punctuation.bracket
