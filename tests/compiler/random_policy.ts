// Random policies of the whole language as a list of tokens, written out with random white space,
// blank lines and comments between them: what a formatter may meet. They need not mean anything.
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";
import type { Chance } from "../oracle/random.ts";

const NAMES = [...Object.keys(KEYWORDS), "web", "office", "a", "_x-1", "constructor", "__proto__"];
const NETS = ["198.51.100.0/24", "2001:db8::/32", "any", "10.0.0.0/08", "nets.vendor", "10.1.2.3", "internet"];
const TEXTS = ["", "www.example.com", "**.example", "$a", "# no comment", "ünïcode → ✓ 😀", "a { b", "'; x", "spiffe://corp.example/ops/*"];
const COMMENTS = ["# a comment", "#", "#tight", '# "quoted" { } => ,', "# ünïcode 😀", "#  two  spaces", "#!x", "## # #"];

interface Scope {
  readonly params: readonly string[];
}

export class RandomPolicy {
  private readonly c: Chance;
  private readonly tokens: string[] = [];
  private scope: Scope = { params: [] };

  constructor(c: Chance) {
    this.c = c;
  }

  /** The words of the policy in their order. */
  words(): readonly string[] {
    this.put("edition", "1");
    this.times(6, () => {
      this.statement();
    });
    return this.tokens;
  }

  private put(...tokens: readonly string[]): void {
    this.tokens.push(...tokens);
  }

  private times(most: number, write: () => void): void {
    for (let n = this.c.below(most + 1); n > 0; n--) write();
  }

  private maybe(write: () => void): void {
    if (this.c.oneIn(2)) write();
  }

  private name(): string {
    return this.param() ?? this.c.pick(NAMES);
  }

  private param(): string | null {
    return this.scope.params.length > 0 && this.c.oneIn(4) ? this.c.pick(this.scope.params) : null;
  }

  private text(): string {
    return this.param() ?? `"${this.c.pick(TEXTS)}"`;
  }

  private number(): string {
    return this.param() ?? this.c.pick(["1", "443", "0007", "4000"]);
  }

  private time(): string {
    return this.param() ?? this.c.pick(["2027-03-01T00:00Z", "2027-01-10T09:00:01Z"]);
  }

  private statement(): void {
    switch (this.c.below(10)) {
      case 0:
        this.offs();
        return this.put("import", `"${this.c.pick(TEXTS)}"`, "as", this.c.pick(NAMES));
      case 1:
        return this.template();
      default:
        return this.item();
    }
  }

  /** A statement that may be at top level and in a template. */
  private item(): void {
    switch (this.c.below(8)) {
      case 0:
        return this.expose();
      case 1:
        return this.topDeny();
      case 2:
        return this.use();
      case 3:
        return this.budget();
      case 4:
        return this.invariant();
      case 5:
        return this.test();
      default:
        this.annotations();
        this.put(this.c.pick(["net", "ports", "hosts", "ids"]), this.name(), "=");
        return this.set();
    }
  }

  private template(): void {
    const params = ["$a", "$b", "$long-one"].slice(0, this.c.below(4));
    this.offs();
    this.put("template", this.c.pick(NAMES));
    this.list(
      "(",
      params.map((p) => () => {
        this.put(p);
      }),
      ")",
    );
    this.put("{");
    this.scope = { params };
    if (this.c.oneIn(2))
      this.times(4, () => {
        this.item();
      });
    else
      this.times(4, () => {
        this.clause();
      });
    this.scope = { params: [] };
    this.put("}");
  }

  private list(open: string, items: readonly (() => void)[], close: string): void {
    this.put(open);
    items.forEach((write, i) => {
      if (i > 0) this.put(",");
      write();
    });
    this.put(close);
  }

  private annotations(): void {
    if (this.c.oneIn(2)) return;
    for (const word of this.c.shuffle(["owner", "ticket", "why"]).slice(0, 1 + this.c.below(3))) this.put("@", word, this.text());
    this.offs();
  }

  private offs(): void {
    if (this.c.oneIn(4)) for (const code of this.c.shuffle(["ING823", "ING827"]).slice(0, 1 + this.c.below(2))) this.put("@", "lint", "off", code, this.text());
  }

  private set(): void {
    this.members();
    if (!this.c.oneIn(3)) return;
    this.put("except");
    this.members();
  }

  private members(): void {
    const count = 1 + this.c.below(this.c.oneIn(5) ? 14 : 3);
    for (let i = 0; i < count; i++) {
      if (i > 0) this.put(",");
      this.member(i === count - 1);
    }
  }

  /** The word after a name that is a keyword shows that it is a name, so it is not the last. */
  private member(last: boolean): void {
    switch (this.c.below(9)) {
      case 0:
        return this.put(`"${this.c.pick(TEXTS)}"`);
      case 1:
        return this.put(this.c.pick(["uri", "dns", "ip", "sha256"]), this.text());
      case 2:
        this.put("file", this.text(), "max", this.number());
        return this.maybe(() => {
          this.put("min", this.number());
        });
      case 3:
        return this.put(this.c.pick(["443", "9500-9509", "80-"]));
      case 4:
        return this.put(this.param() ?? "10.0.0.0/8");
      case 5:
        return this.put(last ? "office" : this.c.pick(NAMES));
      default:
        return this.put(this.c.pick(NETS));
    }
  }

  private proto(): void {
    this.put(this.c.pick(["tcp", "udp"]));
  }

  /** As an expose and a deny have them. */
  private protos(): void {
    if (this.c.oneIn(3)) this.put(...this.c.shuffle(["tcp", "udp"]).flatMap((word, i) => (i === 0 ? [word] : [",", word])));
    else this.proto();
  }

  private expose(): void {
    this.annotations();
    this.put("expose", this.name());
    this.maybe(() => {
      this.put("service", this.name());
    });
    this.put("on");
    this.protos();
    this.set();
    this.maybe(() => {
      this.put("bind");
      this.set();
    });
    this.maybe(() => {
      this.put("via");
      this.set();
    });
    this.maybe(() => {
      this.put("for");
      this.set();
    });
    this.maybe(() => {
      this.put("as", this.c.pick(["tcp", "passthrough", "tls", "mtls", "direct"]));
    });
    this.put("{");
    this.times(5, () => {
      this.clause();
    });
    this.put("}");
  }

  private clause(): void {
    switch (this.c.below(10)) {
      case 6:
        return this.put("amplify", this.c.oneIn(3) ? "any" : this.number());
      case 0:
      case 1:
        return this.backends();
      case 2:
        return this.texts();
      case 3:
        return this.cap();
      case 4:
        return this.limit();
      case 5:
        return this.use();
      default:
        return this.rule();
    }
  }

  private texts(): void {
    const word = this.c.pick(["cert", "ca", "alpn"]);
    this.put(word, this.text());
    if (word !== "ca") for (let n = this.c.below(3); n > 0; n--) this.put(",", this.text());
  }

  private backends(): void {
    this.put("backend");
    for (let n = 1 + this.c.below(3); n > 0; n--) {
      if (this.c.oneIn(2)) this.put("unix", this.text());
      else if (this.c.oneIn(3)) this.put("remote", this.param() ?? "10.0.3.7:8080");
      else this.put(this.param() ?? "127.0.0.1:8080");
      if (n > 1) this.put(",");
    }
    this.maybe(() => {
      this.put("proxy", this.param() ?? this.c.pick(["v1", "v2"]));
    });
  }

  private cap(): void {
    this.maybe(() => {
      this.put("dryrun");
    });
    this.put("cap", this.number(), "connections");
    const parts = this.c.shuffle([
      () => {
        this.sourceKey();
      },
      () => {
        this.put("identity");
      },
    ]);
    for (const part of parts.slice(0, this.c.below(3))) {
      this.put(",", this.number(), "per");
      part();
    }
  }

  private sourceKey(): void {
    this.put("source");
    this.maybe(() => {
      this.put("/24", this.param() ?? "/48");
    });
  }

  private limit(): void {
    this.maybe(() => {
      this.put("dryrun");
    });
    this.put("limit", this.param() ?? this.c.pick(["200/s", "6/30s", "100/d"]));
    this.maybe(() => {
      this.put("burst", this.number());
    });
    this.put("per");
    this.c.pick([
      () => {
        this.sourceKey();
      },
      () => {
        this.put("listener");
      },
      () => {
        this.put("identity");
      },
    ])();
  }

  private rule(): void {
    this.annotations();
    this.maybe(() => {
      this.put("dryrun");
    });
    this.put(this.c.pick(["allow", "deny"]));
    this.matchers(null);
  }

  private topDeny(): void {
    this.annotations();
    this.maybe(() => {
      this.put("dryrun");
    });
    this.put("deny");
    this.matchers(() => {
      this.put("on");
      this.protos();
      this.set();
    });
  }

  private matchers(on: (() => void) | null): void {
    this.maybe(() => {
      this.put("named", this.name());
    });
    if (on !== null) this.maybe(on);
    for (const word of ["from", "sni", "client"])
      this.maybe(() => {
        this.put(word);
        this.set();
      });
    for (const word of ["after", "until"])
      this.maybe(() => {
        this.put(word, this.time());
      });
  }

  private use(): void {
    this.put("use", this.c.pick(["t", "nets.t", "deny"]));
    this.list(
      "(",
      Array.from({ length: this.c.below(4) }, () => () => {
        this.member(false);
      }),
      ")",
    );
  }

  private budget(): void {
    this.put("budget", "{");
    this.times(3, () => {
      const word = this.c.pick(["ports", "rules", "prefixes", "connections", "module", "steps"]);
      this.put(word, this.number(), ...(word === "module" ? ["KiB"] : []));
    });
    this.put("}");
  }

  private invariant(): void {
    this.put("invariant", this.text(), "{");
    for (let n = 1 + this.c.below(3); n > 0; n--) this.claim();
    this.put("}");
  }

  private claim(): void {
    this.put(this.c.pick(["never", "only", "always"]));
    const predicates = this.c.shuffle(["from", "sni", "client"]).slice(0, this.c.below(4));
    const before = this.c.below(predicates.length + 1);
    const write = (word: string): void => {
      this.put(word);
      this.set();
    };
    predicates.slice(0, before).forEach(write);
    this.put("to");
    if (this.c.oneIn(2)) this.put(this.c.pick(["any", "web", "console"]));
    else {
      this.proto();
      this.set();
    }
    predicates.slice(before).forEach(write);
    this.maybe(() => {
      this.put("as", "tls");
    });
    this.maybe(() => {
      this.put("at", this.time());
    });
  }

  private test(): void {
    this.put("test", this.text());
    this.maybe(() => {
      this.put("at", this.time());
    });
    this.put("{");
    this.times(5, () => {
      this.line();
    });
    this.put("}");
  }

  private line(): void {
    switch (this.c.below(4)) {
      case 0:
        this.put("bind", this.name(), "on");
        this.maybe(() => {
          this.proto();
        });
        this.put(this.c.pick(["0.0.0.0:443", "[::]:443"]), "=>");
        return this.outcome(false);
      case 1:
        this.put("repeat", this.number(), "in", this.c.pick(["0s", "10m"]));
        this.maybe(() => {
          this.put("closing");
        });
        this.request();
        this.outcome(true);
        return this.times(2, () => {
          this.put(",");
          this.outcome(true);
        });
      default:
        this.request();
        return this.outcome(false);
    }
  }

  private request(): void {
    this.put("from", this.c.pick(["203.0.113.9", "2001:db8::1"]));
    this.maybe(() => {
      this.put("via", this.param() ?? "10.0.0.5");
    });
    this.put("to");
    if (this.c.oneIn(2)) this.put("web");
    else {
      this.proto();
      this.put(this.number());
      this.maybe(() => {
        this.put("local", "10.0.0.1");
      });
    }
    const facts = [
      () => {
        this.put("sni", this.text());
      },
      () => {
        this.put("client", "dns", this.text(), ...(this.c.oneIn(2) ? [",", "uri", this.text()] : []));
      },
    ];
    this.c
      .shuffle(facts)
      .slice(0, this.c.below(3))
      .forEach((write) => {
        write();
      });
    this.put("=>");
  }

  private outcome(counted: boolean): void {
    if (this.c.oneIn(2)) this.put("allow");
    else this.put("deny", this.c.pick(["policy", "cidr", "sni", "rate", "mtls"]));
    if (counted)
      this.maybe(() => {
        this.put(this.number());
      });
    this.maybe(() => {
      this.put("by", "vendor");
    });
  }
}

/** The words with white space between them, and comments where `comments`. */
export function writeOut(c: Chance, words: readonly string[], comments: boolean): string {
  const end = c.oneIn(4) ? "\r\n" : "\n";
  const gap = (glued: boolean): string => {
    const roll = c.below(20);
    if (comments && roll < 3) {
      const own = c.oneIn(2) ? end.repeat(1 + c.below(3)) : "  ";
      const more = c.oneIn(3) ? `${c.pick(COMMENTS)}${end.repeat(1 + c.below(3))}` : "";
      return `${own}${c.pick(COMMENTS)}${c.oneIn(4) ? " \t" : ""}${end.repeat(1 + c.below(3))}${more}`;
    }
    if (roll < 6) return end.repeat(1 + c.below(3));
    if (glued && roll < 12) return "";
    return c.pick([" ", "  ", "\t"]);
  };
  const glues = (word: string | undefined): boolean => word !== undefined && /^[{}(),=@]$/.test(word);
  const text = words.map((word, i) => `${i === 0 ? "" : gap(glues(word) || glues(words[i - 1]))}${word}`).join("");
  return `${comments ? gap(true) : ""}${text}${gap(true)}`;
}
