/// <reference types="tree-sitter-cli/dsl" />
// Edition 1 of the language for tree-sitter: the grammar that docs/language.md prints, rule by rule.
//
// `npx tree-sitter generate --abi 14` or the tree-sitter of cargo writes src/parser.c. A keyword is one only where the
// grammar expects it, so that it can be a name everywhere else; the words that begin a member of a set are names where no
// text follows. Line ends have no meaning.

/** One or more, commas between. */
const list = (rule) => seq(rule, repeat(seq(",", rule)));

/**
 * A rule for words, and other words that may not be in its place: nothing continues behind them. Without them a word would be read in
 * part (`10per` as `10` and `per`), or a name as a literal.
 */
const strictly = ($, rule, ...others) => choice(rule, seq(choice(...others), $._nothing));

module.exports = grammar({
  name: "ingress",

  word: ($) => $.identifier,
  extras: ($) => [/[ \t\r\n]/, $.comment],

  // `, 3 per identity` behind the set of a cap is its next part; two words decide.
  conflicts: ($) => [[$.members]],

  rules: {
    policy: ($) => repeat($._statement),

    _statement: ($) =>
      choice(
        $.edition,
        $.import,
        $.declaration,
        $.expose,
        $.dial,
        alias($._denying, $.rule),
        $.dryrun,
        $.template,
        $.use,
        $.budget,
        $.invariant,
        $.test,
        $.annotation,
      ),

    edition: ($) => seq("edition", $._integer),
    import: ($) => seq("import", field("path", $._text), "as", field("name", $._name)),
    declaration: ($) => seq(choice("net", "ports", "hosts", "ids"), field("name", $._name), "=", $.set),

    // ---- sets

    set: ($) => seq($.members, optional(seq("except", $.members))),
    members: ($) => list($._member),
    _member: ($) => choice($.file, $.identity, $.text, $._word, alias(choice("file", "uri", "dns", "ip", "sha256"), $.identifier)),
    file: ($) => seq("file", $._text, "max", $._integer, optional(seq("min", $._integer))),
    identity: ($) => seq(choice("uri", "dns", "ip", "sha256"), $._text),
    protos: ($) => list($.proto),
    proto: () => choice("tcp", "udp"),

    // ---- exposes

    expose: ($) =>
      seq(
        "expose",
        field("name", $._name),
        optional(seq("service", field("service", $._name))),
        "on",
        $.protos,
        $.set,
        optional(seq("bind", $.set)),
        optional(seq("via", $.set)),
        optional(seq("for", $.set)),
        optional(seq("as", $.mode)),
        "{",
        repeat($._clause),
        "}",
      ),
    dial: ($) => seq("dial", field("name", $._name), "on", $.proto),
    mode: ($) => $._name,

    _clause: ($) => choice($.backends, $.credential, $.alpn, $.cap, $.limit, $.amplify, $.rule, $.dryrun, $.use, $.annotation),

    backends: ($) => seq("backend", list($.backend), optional($.proxy)),
    backend: ($) => choice(seq("unix", $._text), seq("remote", $._endpoint), $._endpoint),
    _endpoint: ($) => strictly($, choice($.integer, $._literal), $.identifier, $.qualified, $.range, $.rate, $.prefix_length),
    proxy: ($) => seq("proxy", choice($.integer, $._name)),
    credential: ($) => seq(choice("cert", "ca"), list($._text)),
    alpn: ($) => seq("alpn", list($._text)),
    cap: ($) => seq("cap", $._integer, choice("connections", seq("per", $._cap_key)), repeat(seq(",", $.cap_part))),
    cap_part: ($) => seq($._integer, "per", $._cap_key),
    _cap_key: ($) => choice($.source_key, "identity"),
    source_key: ($) => seq("source", optional(seq($._prefix_length, $._prefix_length)), optional(seq("from", $.set))),
    limit: ($) => seq("limit", choice($.rate, $.parameter), optional(seq("burst", $._integer)), "per", choice($.source_key, "listener", "identity")),
    amplify: ($) => seq("amplify", choice($.integer, $._name)),

    // ---- rules

    rule: ($) => seq(choice("allow", "deny"), repeat($._matcher)),
    _denying: ($) => seq("deny", repeat($._matcher)),
    _matcher: ($) =>
      choice(
        seq("named", field("name", $._name)),
        seq("on", $.protos, $.set),
        seq("from", $.set),
        seq("sni", $.set),
        seq("client", $.set),
        seq("after", $._time),
        seq("until", $._time),
      ),
    dryrun: ($) => seq("dryrun", choice($.rule, $.cap, $.limit)),

    // ---- templates

    template: ($) => seq("template", field("name", $._name), $.parameters, "{", repeat($._item), "}"),
    parameters: ($) => seq("(", optional(list($.parameter)), ")"),
    _item: ($) => choice($.declaration, $.expose, $.dial, $.budget, $.invariant, $.test, $._clause),
    use: ($) => seq("use", field("name", choice($._name, $.qualified)), $.arguments),
    arguments: ($) => seq("(", optional(list($._member)), ")"),

    annotation: ($) =>
      seq(
        "@",
        choice(
          seq(field("name", $._name), $._text),
          seq(field("name", alias("lint", $.identifier)), optional(seq($._name, $._name)), $._text),
        ),
      ),

    // ---- what is claimed about a policy

    budget: ($) => seq("budget", "{", repeat($.bound), "}"),
    bound: ($) => choice(seq(choice("ports", "rules", "prefixes", "connections", "steps"), $._integer), seq("module", $._integer, "KiB")),

    invariant: ($) => seq("invariant", field("title", $._text), "{", repeat($.claim), "}"),
    claim: ($) =>
      seq(
        choice("never", "only", "always"),
        repeat($.predicate),
        "to",
        choice(seq($.proto, $.set), $._name),
        repeat($.predicate),
        optional(seq("as", $.mode)),
        optional(seq("at", $._time)),
      ),
    predicate: ($) => seq(choice("from", "sni", "client"), $.set),

    test: ($) => seq("test", field("title", $._text), optional(seq("at", $._time)), "{", repeat(choice($.from_line, $.repeat_line, $.bind_line)), "}"),
    from_line: ($) => seq($.request, "=>", list($.outcome)),
    repeat_line: ($) => seq("repeat", $._integer, "in", $._time, optional("closing"), $.from_line),
    bind_line: ($) => seq("bind", field("name", $._name), "on", optional($.proto), $._word, "=>", $.outcome),
    request: ($) => seq("from", $._word, optional(seq("via", $._word)), "to", $._target, repeat($._fact)),
    _target: ($) => choice(seq($.proto, $._word, optional(seq("local", $._word))), field("name", $._name)),
    _fact: ($) => choice(seq("sni", $._text), seq("client", list(choice($.identity, $.parameter)))),
    outcome: ($) => seq(choice("allow", seq("deny", $.reason)), optional($._integer), optional(seq("by", field("name", $._name)))),
    reason: ($) => strictly($, $._name, "from", "bind", "repeat"),

    // ---- words: of two that match equally long, the earlier one is read

    _name: ($) => choice($.identifier, $.parameter),
    _text: ($) => choice($.text, $.parameter),
    _integer: ($) => strictly($, choice($.integer, $.parameter), $.literal),
    _prefix_length: ($) => strictly($, choice($.prefix_length, $.parameter), $.literal),
    _time: ($) => strictly($, $._literal, $.identifier, $.qualified, $.integer, $.range, $.rate, $.prefix_length),
    _literal: ($) => choice($.address, $.timestamp, $.duration, $.literal, $.parameter),
    _word: ($) => choice($.identifier, $.qualified, $.integer, $.range, $.rate, $.prefix_length, $._literal),

    comment: () => token(/#[^\n]*/),
    text: () => token(/"[^"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"/),
    identifier: () => /[A-Za-z_][A-Za-z0-9_-]*/,
    parameter: () => token(/\$[A-Za-z_][A-Za-z0-9_-]*/),
    integer: () => token(/[0-9]+/),
    range: () => token(/[0-9]+-[0-9]+/),
    rate: () => token(/[0-9]+\/[0-9]*[A-Za-z]+/),
    prefix_length: () => token(/\/[0-9]+/),
    qualified: () => token(/[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)+/),
    duration: () => token(/[0-9]+(ms|s|m|h|d)/),
    timestamp: () => token(/[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9:]*)?/),
    address: () =>
      token(
        choice(
          /[0-9]+(\.[0-9]+){3}([/:][0-9]+)?/,
          /[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(\/[0-9]+)?/,
          /\[[0-9A-Fa-f:.]+\](:[0-9]+)?/,
        ),
      ),
    literal: () => token(/[A-Za-z0-9_$*.:%/\[\]-]+/),
    /** No policy has this. */
    _nothing: () => token(/\ufffe\ufffe/),
  },
});
