// Builds each lookahead function of the grammar when a text first needs it. Chevrotain builds all of them when the
// parser is made, which took a third of the time that `ingressc check` has for a small policy; such a policy uses few.
import { LLkLookaheadStrategy, type BaseParser, type ILookaheadStrategy } from "chevrotain";

type Alternation = ReturnType<ILookaheadStrategy["buildLookaheadForAlternation"]>;
type Optional = ReturnType<ILookaheadStrategy["buildLookaheadForOptional"]>;

export class LazyLookahead extends LLkLookaheadStrategy {
  override buildLookaheadForAlternation(options: Parameters<ILookaheadStrategy["buildLookaheadForAlternation"]>[0]): Alternation {
    const build = (): Alternation => super.buildLookaheadForAlternation(options);
    let built: Alternation | null = null;
    return function (this: BaseParser, ...alternatives: Parameters<Alternation>) {
      built ??= build();
      return built.apply(this, alternatives);
    };
  }

  override buildLookaheadForOptional(options: Parameters<ILookaheadStrategy["buildLookaheadForOptional"]>[0]): Optional {
    const build = (): Optional => super.buildLookaheadForOptional(options);
    let built: Optional | null = null;
    return function (this: BaseParser) {
      built ??= build();
      return built.call(this);
    };
  }
}
